import { useAdminClient, useEnvironment, useRealm } from '@keycloak/keycloak-admin-ui';
import { useCallback, useEffect, useState } from 'react';

/** A GET below the realm that is shown: `{ body, headers }`, or undefined when there is nothing to see. */
export function useCall() {
  const { adminClient } = useAdminClient();
  const { environment } = useEnvironment();
  const { realm } = useRealm();
  return useCallback(
    async (path) => {
      const token = await adminClient.getAccessToken();
      const address = `${environment.adminBaseUrl}/admin/realms/${encodeURIComponent(realm)}${path}`;
      const answer = await fetch(address, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
      if (answer.status === 403 || answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`${answer.status} ${(await answer.json().catch(() => ({}))).errorMessage ?? ''}`.trim());
      return { body: await answer.json(), headers: answer.headers };
    },
    [adminClient, environment, realm],
  );
}

/** What a GET answers: `{ value }`, `{ failed }` or, while it is under way, `{}`; and a way to ask again. */
export function useAnswer(path) {
  const call = useCall();
  const [answer, setAnswer] = useState({});
  const [asked, ask] = useState(0);
  useEffect(() => {
    let wanted = true;
    call(path).then(
      (found) => wanted && setAnswer({ value: found?.body ?? [] }),
      (error) => wanted && setAnswer({ failed: error.message }),
    );
    return () => { wanted = false; };
  }, [call, path, asked]);
  return { ...answer, refresh: () => ask(asked + 1) };
}
