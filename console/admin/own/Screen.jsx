import { useAccess, useRealm } from '@keycloak/keycloak-admin-ui';
import { useEffect, useState } from 'react';
import { createPortal } from 'react-dom';
import { useTranslation } from 'react-i18next';
import { NavLink, Outlet } from 'react-router-dom';

import { meanChanges } from '../../shared/force.js';
import { PAGES } from './pages.js';
import { nameOf, useOwner, wayToChange } from './owner.js';

/** Around every screen: our entries in the menu, and what a resource manages is only shown. */
export function Screen() {
  const { object, owner } = useOwner();
  const [meant, setMeant] = useState();
  const isMeant = owner !== undefined && meant === object;
  useEffect(() => {
    meanChanges(isMeant);
    return () => meanChanges(false);
  }, [isMeant]);
  return (
    <>
      <Menu />
      {owner && <Managed owner={owner} isMeant={isMeant} onMean={(yes) => setMeant(yes ? object : undefined)} />}
      <fieldset className="realmkeep-screen" disabled={owner !== undefined && !isMeant}>
        <Outlet />
      </fieldset>
    </>
  );
}

function Managed({ owner, isMeant, onMean }) {
  const { t } = useTranslation();
  const way = wayToChange(owner);
  return (
    <section className="realmkeep-managed" aria-label={t('managedTitle')} data-testid="managed">
      <strong>{t('managedBy', { resource: nameOf(owner) })}</strong>
      {owner.cluster && <span> {t('managedInCluster', { cluster: owner.cluster })}</span>}
      <p>{isMeant ? t('managedMeant') : t('managedHelp', { tool: owner.tool })}</p>
      {way && <code>{way}</code>}
      <button type="button" className="pf-v5-c-button pf-m-link pf-m-inline" onClick={() => onMean(!isMeant)}>
        {t(isMeant ? 'managedStop' : 'managedAnyway')}
      </button>
    </section>
  );
}

/** The library's menu is not ours to change; what is added stands at its end. */
function Menu() {
  const { t } = useTranslation();
  const { realm } = useRealm();
  const { hasAccess } = useAccess();
  const [nav, setNav] = useState(null);
  useEffect(() => {
    const find = () => setNav(document.querySelector('.keycloak__page_nav__nav .pf-v5-c-nav'));
    find();
    const watcher = new MutationObserver(find);
    watcher.observe(document.getElementById('app'), { childList: true, subtree: true });
    return () => watcher.disconnect();
  }, []);
  const pages = PAGES.filter((page) => hasAccess(page.access));
  if (!nav || pages.length === 0) return null;
  return createPortal(
    <section className="pf-v5-c-nav__section" aria-label={t('declared')}>
      <h2 className="pf-v5-c-nav__section-title">{t('declared')}</h2>
      <ul className="pf-v5-c-nav__list">
        {pages.map(({ path, title }) => (
          <li className="pf-v5-c-nav__item" key={path}>
            <NavLink
              data-testid={`nav-item-${path}`}
              to={`/${encodeURIComponent(realm)}/${path}`}
              className={({ isActive }) => `pf-v5-c-nav__link${isActive ? ' pf-m-current' : ''}`}
            >
              {t(title)}
            </NavLink>
          </li>
        ))}
      </ul>
    </section>,
    nav,
  );
}
