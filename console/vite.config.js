import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The libraries link to their makers' documentation; a person who uses our server is led to ours.
const ownLinks = {
  name: 'own-links',
  enforce: 'pre',
  transform(code, id) {
    if (!/keycloak-(admin|account)-ui/.test(id) || !id.endsWith('.js')) return undefined;
    return code
      .replace(/https:\/\/www\.keycloak\.org[^"'`\s)]*/g, 'https://realmkeep.dev/docs')
      .replaceAll('"Keycloak icon"', '"Realmkeep"');
  },
};

export default defineConfig({
  // Addresses inside the bundles are relative to the bundle that holds them.
  base: './',
  plugins: [ownLinks, react()],
  build: {
    target: 'esnext',
    outDir: 'dist',
    // The message bundles are there already.
    emptyOutDir: false,
    manifest: 'manifest.json',
    sourcemap: false,
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      input: { admin: 'admin/main.jsx', account: 'account/main.jsx' },
      output: {
        manualChunks(id) {
          if (/node_modules\/(react|react-dom|react-router|react-router-dom|scheduler|i18next|react-i18next|i18next-fetch-backend)\//.test(id)) {
            return 'frame';
          }
          return undefined;
        },
      },
    },
  },
});
