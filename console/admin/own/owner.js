import { useEffect, useState } from 'react';
import { useLocation } from 'react-router-dom';

import { useCall } from './call.js';

/** Where a tool of ours writes whose an object is, on servers that keep no owners. */
const ATTRIBUTE = 'realmkeep.dev/owner';
/** Tabs of the realm's settings that change the realm itself. */
const REALM_TABS = ['general', 'login', 'email', 'themes', 'events', 'security-defenses', 'sessions', 'tokens'];

/** The object that a screen changes, as a path below the realm; undefined when it changes none. */
export function objectOf(pathname) {
  const [, kind, id, ...rest] = pathname.split('/').filter(Boolean);
  const isId = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id ?? '');
  switch (kind) {
    case 'realm-settings':
      return REALM_TABS.includes(id ?? 'general') ? '' : undefined;
    case 'clients':
      if (!isId) return undefined;
      return rest[0] === 'roles' && rest[1] && rest[1] !== 'new' ? `/roles-by-id/${rest[1]}` : `/clients/${id}`;
    case 'client-scopes':
    case 'users':
      return isId ? `/${kind}/${id}` : undefined;
    case 'roles':
      return isId ? `/roles-by-id/${id}` : undefined;
    case 'groups':
      return isId ? `/groups/${[id, ...rest].filter((one) => /^[0-9a-f-]{36}$/.test(one)).at(-1)}` : undefined;
    case 'authentication':
      return isId ? `/authentication/flows/${id}` : undefined;
    case 'identity-providers':
      return rest[0] && rest[0] !== 'add' ? `/identity-provider/instances/${encodeURIComponent(rest[0])}` : undefined;
    default:
      return undefined;
  }
}

/** An owner as the server tells it: the `Realmkeep-Owner` field, a dictionary of strings (RFC 9651). */
export function readOwner(field) {
  const owner = {};
  for (const [, key, value] of field.matchAll(/([a-z]+)="((?:\\.|[^"\\])*)"/g)) owner[key] = value.replace(/\\(.)/g, '$1');
  return owner.name ? owner : undefined;
}

function ownerOf({ body, headers }) {
  const field = headers.get('realmkeep-owner');
  if (field) return readOwner(field);
  const record = body?.attributes?.[ATTRIBUTE] ?? body?.config?.[ATTRIBUTE];
  if (!record) return undefined;
  try {
    return { tool: 'realmkeep', ...JSON.parse(record) };
  } catch {
    return undefined;
  }
}

/** Who manages what the screen changes: `{ object, owner }`. */
export function useOwner() {
  const { pathname } = useLocation();
  const call = useCall();
  const object = objectOf(pathname);
  const [found, setFound] = useState({});
  useEffect(() => {
    if (object === undefined) return undefined;
    let wanted = true;
    call(object).then(
      (answer) => wanted && setFound({ object, owner: answer && ownerOf(answer) }),
      () => wanted && setFound({ object }),
    );
    return () => { wanted = false; };
  }, [call, object]);
  return object !== undefined && found.object === object ? found : { object };
}

/** How the resource is changed: a command, or nothing where only its tool knows. */
export function wayToChange(owner) {
  if (!/^(realmkeep|kubernetes|argo|flux)/i.test(owner.tool) || !owner.kind) return undefined;
  if (owner.tool === 'realmkeep' && !owner.cluster && !owner.uid) return 'realmkeep apply FOLDER';
  const namespace = owner.namespace ? ` --namespace=${owner.namespace}` : '';
  return `kubectl edit ${owner.kind.toLowerCase()}.realmkeep.dev ${owner.name}${namespace}`;
}

/** `Client shop/web`, as people write it. */
export function nameOf(owner) {
  const name = owner.namespace ? `${owner.namespace}/${owner.name}` : owner.name;
  return owner.kind ? `${owner.kind} ${name}` : name;
}
