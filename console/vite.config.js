import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

import { pieces } from './pieces.js';

// The libraries link to their makers' documentation; a person who uses our server is led to ours. And what
// of them has to be mended.
const ownLinks = {
  name: 'own-links',
  enforce: 'pre',
  transform(code, id) {
    if (!/keycloak-(admin|account)-ui\/.*\.js$/.test(id)) return undefined;
    return code
      .replace(/https:\/\/www\.keycloak\.org[^"'`\s)]*/g, 'https://realmkeep.dev/docs')
      .replaceAll('"Keycloak icon"', '"Realmkeep"')
      // React forgets `currentTarget` when a handler has waited, as the password dialog's does.
      .replace(/!== (\w+)\.currentTarget\.value/g, '!== $1.target.value');
  },
};

// The component library brings its maker's typeface; ours is the system's, which is there already.
const systemTypeface = {
  name: 'system-typeface',
  enforce: 'pre',
  transform(code, id) {
    return id.endsWith('.css') ? code.replace(/@font-face\s*\{[^}]*RedHat[^}]*\}/g, '') : undefined;
  },
};

// Pages that a server declares itself: they bring every kind of field, and ours declares none.
const SELDOM = [/providerType: \w+,\s+page: \{/];
const isLibrary = (path) => /keycloak-(admin|account)-ui\/lib\/index-[^/]*\.js$/.test(path);

export default defineConfig({
  // Addresses inside the bundles are relative to the bundle that holds them.
  base: './',
  plugins: [pieces(isLibrary, SELDOM), ownLinks, systemTypeface, react()],
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
        experimentalMinChunkSize: 20_000,
        manualChunks(id) {
          if (/node_modules\/(react|react-dom|react-router|react-router-dom|scheduler|i18next|react-i18next)\//.test(id)) {
            return 'frame';
          }
          return undefined;
        },
      },
    },
  },
});
