import '@patternfly/react-core/dist/styles/base.css';
import '@patternfly/patternfly/patternfly-addons.css';
import '@keycloak/keycloak-admin-ui/styles.css';
import '../brand/brand.css';

import { AdminUi, KeycloakProvider, routes } from '@keycloak/keycloak-admin-ui';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider, createHashRouter } from 'react-router-dom';

import { Screen } from './own/Screen.jsx';
import { ownRoutes } from './own/routes.jsx';
import { environment } from '../shared/environment.js';
import { watchCalls } from '../shared/force.js';
import { loadMessages } from '../shared/i18n.js';
import { followRealm, keepPlace } from '../shared/place.js';
import { followColourScheme } from '../shared/theme.js';

followColourScheme(environment.darkMode);
keepPlace();
followRealm();
watchCalls();
await loadMessages('admin', environment.realm, environment.locale ?? 'en');

// The menu and the way back are made from this list.
routes.push(...ownRoutes);

const router = createHashRouter([
  {
    path: '/',
    element: (
      <KeycloakProvider environment={environment}>
        <AdminUi />
      </KeycloakProvider>
    ),
    children: [{ element: <Screen />, children: routes }],
  },
]);

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
