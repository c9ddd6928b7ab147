/** Our own pages: path below the realm, title's message, the right that sees it. */
export const PAGES = [
  { path: 'managed-resources', title: 'managedResources', access: 'view-realm' },
  { path: 'workload-identities', title: 'workloadIdentities', access: 'view-clients' },
];
