import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useRealm } from '@keycloak/keycloak-admin-ui';

import { useAnswer } from './call.js';
import { OwnPage, Table, When } from './Table.jsx';

/** Which pods and SPIFFE ids authenticate as which client, when they last did, and what was refused. */
export default function WorkloadIdentities() {
  const { t } = useTranslation();
  const { realm } = useRealm();
  const answer = useAnswer('/workload-identities');
  return (
    <OwnPage title="workloadIdentities" help="workloadIdentitiesHelp" answer={answer}>
      <Table
        label={t('workloadIdentities')}
        columns={['subject', 'identityProvider', 'client', 'lastUse', 'lastRefusal']}
        rows={(answer.value ?? []).map((one) => ({
          key: `${one.provider} ${one.subject} ${one.id ?? ''}`,
          cells: [
            one.subject ? <code key="subject">{one.subject}</code> : t('notProven'),
            one.provider,
            one.id ? <Link key="client" to={`/${encodeURIComponent(realm)}/clients/${one.id}/settings`}>{one.clientId}</Link> : t('noClient'),
            <Uses key="uses" uses={one.uses} />,
            <Refusal key="refusal" refusal={one.lastRefusal} />,
          ],
        }))}
      />
    </OwnPage>
  );
}

function Uses({ uses }) {
  const { t } = useTranslation();
  if (uses.length === 0) return t('neverSeen');
  return (
    <ul>
      {uses.map(({ pod, at }) => (
        <li key={pod ?? ''}><When at={at} />{pod && <> {t('byPod')} <code>{pod}</code></>}</li>
      ))}
    </ul>
  );
}

function Refusal({ refusal }) {
  const { t } = useTranslation();
  if (!refusal) return t('neverSeen');
  return (
    <>
      <When at={refusal.at} />{refusal.pod && <> {t('byPod')} <code>{refusal.pod}</code></>}
      <br />
      {refusal.reason}
    </>
  );
}
