import '@patternfly/patternfly/patternfly.min.css';
import '@patternfly/patternfly/patternfly-addons.css';
import '../brand/brand.css';

import { Header, KeycloakProvider, PageNav, routes } from '@keycloak/keycloak-account-ui';
import { Page, Spinner } from '@patternfly/react-core';
import { StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { Outlet, RouterProvider, createBrowserRouter } from 'react-router-dom';

import { environment } from '../shared/environment.js';
import { loadMessages } from '../shared/i18n.js';
import { followColourScheme } from '../shared/theme.js';

followColourScheme(environment.darkMode);
await loadMessages('account', environment.realm, environment.locale ?? 'en');

function Root() {
  return (
    <KeycloakProvider environment={environment}>
      <Page header={<Header />} sidebar={<PageNav />} isManagedSidebar>
        <Suspense fallback={<Spinner />}>
          <Outlet />
        </Suspense>
      </Page>
    </KeycloakProvider>
  );
}

const router = createBrowserRouter([
  {
    path: decodeURIComponent(new URL(environment.baseUrl).pathname),
    element: <Root />,
    children: routes,
  },
]);

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
