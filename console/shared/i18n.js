import i18next from 'i18next';
import FetchBackend from 'i18next-fetch-backend';
import { initReactI18next } from 'react-i18next';

import { environment } from './environment.js';

/** Loads the messages of a console (`admin` or `account`), with what the realm overrides. */
export async function loadMessages(console, namespace, language) {
  await i18next.use(FetchBackend).use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    defaultNS: namespace,
    ns: [namespace],
    nsSeparator: false,
    keySeparator: '.',
    // React escapes.
    interpolation: { escapeValue: false },
    backend: {
      loadPath: `${environment.serverBaseUrl}/resources/{{ns}}/${console}/{{lng}}`,
      parse: (text) => Object.fromEntries(JSON.parse(text).map(({ key, value }) => [key, value])),
    },
  });
  return i18next;
}
