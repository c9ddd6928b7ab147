// A mail server on loopback that keeps what it gets (RFC 5321, without extensions).
import { createServer } from 'node:net';

const WAIT_MS = 20_000;

export class Mailbox {
  #mails = [];
  #waiting = new Set();
  #server;

  static async start() {
    const mailbox = new Mailbox();
    mailbox.#server = createServer((socket) => mailbox.#talk(socket));
    await new Promise((resolve) => mailbox.#server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  /** The realm setting `smtpServer` that sends here. */
  get settings() {
    return { host: '127.0.0.1', port: String(this.#server.address().port), from: 'no-reply@example.test', fromDisplayName: 'Realm' };
  }

  stop() {
    this.#server.close();
  }

  /** How many mails have come for the address. */
  count(to) {
    return this.#mails.filter((mail) => mail.to === to).length;
  }

  /** The oldest mail for the address that was not taken yet: `{ to, headers, text, html, link }`. */
  async next(to) {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const found = this.#mails.find((mail) => mail.to === to && !mail.taken);
      if (found) {
        found.taken = true;
        return found;
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no mail came for ${to}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  #keep(to, data) {
    for (const one of to) this.#mails.push({ to: one, ...read(data) });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #talk(socket) {
    let buffer = '';
    let data;
    let to = [];
    const say = (line) => socket.write(`${line}\r\n`);
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    say('220 mailbox.test');
    socket.on('data', (chunk) => {
      buffer += chunk;
      for (let end = buffer.indexOf('\r\n'); end >= 0; end = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (data !== undefined) {
          if (line === '.') {
            this.#keep(to, data.join('\r\n'));
            data = undefined;
            to = [];
            say('250 kept');
          } else {
            data.push(line.startsWith('.') ? line.slice(1) : line);
          }
          continue;
        }
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') to.push(/<(.*)>/.exec(line)?.[1] ?? '');
        if (verb === 'RSET') to = [];
        if (verb === 'DATA') {
          data = [];
          say('354 go on');
        } else if (verb === 'QUIT') {
          say('221 bye');
          socket.end();
        } else {
          say('250 ok');
        }
      }
    });
  }
}

/** Headers, the plain and the HTML text, and the link to the server that the plain text holds. */
function read(data) {
  const mail = { headers: headersOf(data), text: '', html: '' };
  collect(data, mail);
  mail.link = /https?:\/\/\S+\/login-actions\/action-token\S+/.exec(mail.text)?.[0];
  return mail;
}

function headersOf(entity) {
  const head = entity.split('\r\n\r\n', 1)[0].replace(/\r\n[ \t]+/g, ' ');
  return Object.fromEntries(head.split('\r\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
}

function collect(entity, mail) {
  const headers = headersOf(entity);
  const body = entity.slice(entity.indexOf('\r\n\r\n') + 4);
  const type = headers['content-type'] ?? 'text/plain';
  const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1];
  if (boundary !== undefined) {
    for (const part of body.split(`--${boundary}`).slice(1)) {
      if (!part.startsWith('--')) collect(part.replace(/^\r\n/, ''), mail);
    }
    return;
  }
  const text = decoded(body, headers['content-transfer-encoding'] ?? '7bit');
  if (type.startsWith('text/html')) mail.html += text;
  else if (type.startsWith('text/plain')) mail.text += text;
}

function decoded(body, encoding) {
  switch (encoding.toLowerCase()) {
    case 'base64':
      return Buffer.from(body, 'base64').toString('utf8');
    case 'quoted-printable': {
      const bytes = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
      return Buffer.from(bytes, 'latin1').toString('utf8');
    }
    default:
      return Buffer.from(body, 'latin1').toString('utf8');
  }
}
