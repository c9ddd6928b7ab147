import '@patternfly/patternfly/patternfly.min.css';
import '@patternfly/patternfly/patternfly-addons.css';
import '../brand/brand.css';

import { Header, KeycloakProvider, PageNav, routes, useEnvironment } from '@keycloak/keycloak-account-ui';
import { Page, Spinner } from '@patternfly/react-core';
import { StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { Outlet, RouterProvider, createBrowserRouter } from 'react-router-dom';

import { environment } from '../shared/environment.js';
import { loadMessages } from '../shared/i18n.js';
import { followColourScheme } from '../shared/theme.js';

followColourScheme(environment.darkMode);
await loadMessages('account', environment.realm, environment.locale ?? 'en');

/** What the person may see and do here is written in the token; the page was sent to anybody. */
function Allowed({ children }) {
  const { keycloak } = useEnvironment();
  const roles = keycloak.tokenParsed?.resource_access?.account?.roles ?? [];
  const { features } = environment;
  features.isViewGroupsEnabled = roles.includes('view-groups');
  features.deleteAccountAllowed = features.deleteAccountAllowed && roles.includes('delete-account');
  return children;
}

function Root() {
  return (
    <KeycloakProvider environment={environment}>
      <Allowed>
      <Page header={<Header />} sidebar={<PageNav />} isManagedSidebar>
        <Suspense fallback={<Spinner />}>
          <Outlet />
        </Suspense>
      </Page>
      </Allowed>
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
