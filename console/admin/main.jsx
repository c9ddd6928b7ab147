import '@patternfly/react-core/dist/styles/base.css';
import '@patternfly/patternfly/patternfly-addons.css';
import '@keycloak/keycloak-admin-ui/styles.css';
import '../brand/brand.css';

import { AdminUi, KeycloakProvider, routes } from '@keycloak/keycloak-admin-ui';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider, createHashRouter } from 'react-router-dom';

import { environment } from '../shared/environment.js';
import { loadMessages } from '../shared/i18n.js';
import { keepPlace } from '../shared/place.js';
import { followColourScheme } from '../shared/theme.js';

followColourScheme(environment.darkMode);
keepPlace();
await loadMessages('admin', environment.realm, environment.locale ?? 'en');

const router = createHashRouter([
  {
    path: '/',
    element: (
      <KeycloakProvider environment={environment}>
        <AdminUi />
      </KeycloakProvider>
    ),
    children: routes,
  },
]);

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
