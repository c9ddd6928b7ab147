'use strict';
// Asks the browser for a security key or passkey, and sends what it says.
(() => {
  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const descriptors = (list) => (list || []).map((entry) => ({ ...entry, id: bytes(entry.id) }));

  // The form may have a button or field called "submit".
  const send = (form, values) => {
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    HTMLFormElement.prototype.submit.call(form);
  };

  const get = async (form, mediation, signal) => {
    const request = JSON.parse(form.dataset.request);
    const publicKey = {
      challenge: bytes(request.challenge),
      rpId: request.rp_id || undefined,
      allowCredentials: descriptors(request.allowed.map((id) => ({ type: 'public-key', id }))),
    };
    if (request.timeout > 0) publicKey.timeout = request.timeout * 1000;
    if (request.user_verification) publicKey.userVerification = request.user_verification;
    const options = { publicKey, signal };
    if (mediation) options.mediation = mediation;
    const found = await navigator.credentials.get(options);
    send(form, {
      clientDataJSON: text(found.response.clientDataJSON),
      authenticatorData: text(found.response.authenticatorData),
      signature: text(found.response.signature),
      credentialId: found.id,
      userHandle: found.response.userHandle ? text(found.response.userHandle) : '',
    });
  };

  const create = async (form) => {
    const publicKey = JSON.parse(form.dataset.options);
    publicKey.challenge = bytes(publicKey.challenge);
    publicKey.user.id = bytes(publicKey.user.id);
    publicKey.excludeCredentials = descriptors(publicKey.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey });
    const transports = made.response.getTransports ? made.response.getTransports() : [];
    const { rk } = made.getClientExtensionResults().credProps || {};
    send(form, {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
      publicKeyCredentialId: made.id,
      transports: transports.join(','),
      authenticatorAttachment: made.authenticatorAttachment || '',
      residentKey: rk === undefined ? '' : String(rk),
    });
  };

  const failed = (form) => (error) => {
    if (error.name !== 'AbortError') send(form, { error: `${error.name}: ${error.message}` });
  };

  const authenticate = document.getElementById('webauth');
  const register = document.getElementById('register');
  const ask = document.getElementById('authenticateWebAuthnButton');
  let waiting;
  if (authenticate && ask) {
    ask.hidden = false;
    ask.addEventListener('click', () => {
      if (waiting) waiting.abort();
      get(authenticate, '').catch(failed(authenticate));
    });
    const { mediation } = authenticate.dataset;
    const offer = () => {
      waiting = new AbortController();
      get(authenticate, mediation, waiting.signal).catch(() => {});
    };
    if (mediation === 'conditional') {
      if (window.PublicKeyCredential && PublicKeyCredential.isConditionalMediationAvailable) {
        PublicKeyCredential.isConditionalMediationAvailable().then((available) => { if (available) offer(); });
      }
    } else if (mediation) offer();
  }
  const make = document.getElementById('registerWebAuthn');
  if (register && make) make.addEventListener('click', () => create(register).catch(failed(register)));
})();
