import { lazy } from 'react';

import { PAGES } from './pages.js';

const SCREENS = {
  'managed-resources': lazy(() => import('./ManagedResources.jsx')),
  'workload-identities': lazy(() => import('./WorkloadIdentities.jsx')),
};

/** As the library's routes are. */
export const ownRoutes = PAGES.map(({ path, title, access }) => {
  const Own = SCREENS[path];
  return { path: `/:realm/${path}`, element: <Own />, handle: { access, breadcrumb: (t) => t(title) } };
});
