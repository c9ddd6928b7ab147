import { useTranslation } from 'react-i18next';

/** A page of ours: title, what it is about, and what was asked for. */
export function OwnPage({ title, help, answer, children }) {
  const { t } = useTranslation();
  return (
    <>
      <section className="pf-v5-c-page__main-section pf-m-light">
        <h1 className="pf-v5-c-title pf-m-2xl">{t(title)}</h1>
        <p className="pf-v5-u-mt-sm">{t(help)}</p>
      </section>
      <section className="pf-v5-c-page__main-section" aria-busy={!answer.value && !answer.failed}>
        {answer.failed && (
          <p role="alert">
            {t('notRead', { reason: answer.failed })}{' '}
            <button type="button" className="pf-v5-c-button pf-m-link pf-m-inline" onClick={answer.refresh}>{t('refresh')}</button>
          </p>
        )}
        {answer.value && (answer.value.length === 0 ? <p data-testid="none">{t(`${title}None`)}</p> : children)}
      </section>
    </>
  );
}

export function Table({ label, columns, rows }) {
  const { t } = useTranslation();
  return (
    <div className="realmkeep-scroll" tabIndex={0} role="group" aria-label={label}>
      <table className="pf-v5-c-table pf-m-grid-md pf-m-compact" aria-label={label}>
        <thead className="pf-v5-c-table__thead">
          <tr className="pf-v5-c-table__tr">
            {columns.map((column) => <th className="pf-v5-c-table__th" scope="col" key={column}>{t(column)}</th>)}
          </tr>
        </thead>
        <tbody className="pf-v5-c-table__tbody">
          {rows.map(({ key, cells }) => (
            <tr className="pf-v5-c-table__tr" key={key}>
              {cells.map((cell, index) => <td className="pf-v5-c-table__td" data-label={t(columns[index])} key={columns[index]}>{cell}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Milliseconds since 1970, as the person's language writes them. */
export function When({ at }) {
  const { t, i18n } = useTranslation();
  if (!at) return t('neverSeen');
  const date = new Date(at);
  return <time dateTime={date.toISOString()}>{date.toLocaleString(i18n.language)}</time>;
}
