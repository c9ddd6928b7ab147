import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import { environment } from './environment.js';
import languages from './languages.json';

/**
 * The messages of the build, which browsers keep, and over them what the realm says instead; the realm
 * as in an address.
 */
async function read(console, language, realm) {
  const fetched = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  };
  const [own, ofRealm] = await Promise.all([
    language in languages ? fetched(`${environment.resourceUrl}/messages/${console}/${language}.json`) : {},
    fetched(`${environment.serverBaseUrl}/resources/${realm}/${console}/${language}?only=realm`),
  ]);
  return { ...own, ...Object.fromEntries(ofRealm.map(({ key, value }) => [key, value])) };
}

/** Loads the messages of a console (`admin` or `account`), with what the realm overrides. */
export async function loadMessages(console, name, language) {
  const namespace = encodeURIComponent(name);
  const backend = {
    type: 'backend',
    init() {},
    read(tag, realm, done) {
      read(console, tag, realm).then((messages) => done(null, messages), (error) => done(error, false));
    },
  };
  await i18next.use(backend).use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    defaultNS: namespace,
    ns: [namespace],
    nsSeparator: false,
    keySeparator: '.',
    // React escapes.
    interpolation: { escapeValue: false },
  });
  return i18next;
}
