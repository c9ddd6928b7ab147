import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useRealm } from '@keycloak/keycloak-admin-ui';

import { useAnswer } from './call.js';
import { nameOf, wayToChange } from './owner.js';
import { OwnPage, Table, When } from './Table.jsx';

/** Which resources drive this realm, when each was last applied, and what was changed past it. */
export default function ManagedResources() {
  const { t } = useTranslation();
  const answer = useAnswer('/managed-resources');
  return (
    <OwnPage title="managedResources" help="managedResourcesHelp" answer={answer}>
      {answer.value?.map(({ owner, objects }) => {
        const name = nameOf(owner);
        const way = wayToChange(owner);
        return (
          <section key={JSON.stringify(owner)} className="realmkeep-resource" data-testid={`resource ${name}`}>
            <h2 className="pf-v5-c-title pf-m-lg">{name}</h2>
            <p>
              {t('managedTool', { tool: owner.tool })}
              {owner.cluster && ` ${t('managedInCluster', { cluster: owner.cluster })}`}
            </p>
            {way && <p>{t('managedWay')} <code>{way}</code></p>}
            <Table
              label={t('managedObjects', { resource: name })}
              columns={['type', 'name', 'lastApplied', 'drift']}
              rows={objects.map((object) => ({
                key: object.object,
                cells: [t(`managedKind.${object.kind}`), <Name key="name" object={object} />, <Applied key="applied" object={object} />, <Drift key="drift" object={object} />],
              }))}
            />
          </section>
        );
      })}
    </OwnPage>
  );
}

function Name({ object: { kind, object, name } }) {
  const { realm } = useRealm();
  const id = object.split('/').at(-1);
  const screens = {
    realm: 'realm-settings', client: `clients/${id}/settings`, clientScope: `client-scopes/${id}/settings`, user: `users/${id}/settings`,
    role: `roles/${id}/details`, group: `groups/${id}`,
  };
  const screen = screens[kind];
  return screen ? <Link to={`/${encodeURIComponent(realm)}/${screen}`}>{name}</Link> : name;
}

function Applied({ object }) {
  const { t } = useTranslation();
  return object.appliedAt === undefined ? t('notRecorded') : <When at={object.appliedAt} />;
}

function Drift({ object: { changedAt, changedBy, appliedAt } }) {
  const { t } = useTranslation();
  if (changedAt) return <strong>{t('driftBy', { who: changedBy ?? t('somebody') })} <When at={changedAt} /></strong>;
  return t(appliedAt === undefined ? 'notRecorded' : 'driftNone');
}
