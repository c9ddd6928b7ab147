// The differences that are meant, listed in tolerated.json. An entry:
//   path     where it shows, `body.error`; a `*` stands for anything, in cases and values too
//   ours, theirs   the two values; `(absent)` where one has nothing
//   cases    names of the cases; each of them has to show it
//   reason   why it is tolerated
//   see      the first cell of the row of docs/differences.md that it belongs to

const pattern = (glob) => new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's');

/** Splits what was found into tolerated and unlisted, and says what is wrong with the list. */
export function compare(found, entries, documented, { whole }) {
  const rows = new Set([...documented.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell));
  const complaints = [];
  const compiled = entries.map((entry, at) => {
    const label = `entry ${at + 1} (${entry.path}: ours ${entry.ours}, theirs ${entry.theirs})`;
    for (const member of ['path', 'ours', 'theirs', 'cases', 'reason', 'see']) {
      if (!entry[member] || entry[member].length === 0) complaints.push(`${label}: no ${member}`);
    }
    if (!rows.has(entry.see)) complaints.push(`${label}: docs/differences.md has no row "${entry.see}"`);
    return {
      label,
      fits: { path: pattern(entry.path), ours: pattern(entry.ours), theirs: pattern(entry.theirs) },
      cases: entry.cases.map((name) => ({ name, fits: pattern(name), shown: false })),
    };
  });
  const unlisted = new Map();
  let tolerated = 0;
  for (const [name, differences] of found) {
    for (const one of differences) {
      let listed = false;
      for (const { fits, cases } of compiled) {
        if (!fits.path.test(one.path) || !fits.ours.test(one.ours) || !fits.theirs.test(one.theirs)) continue;
        for (const single of cases) {
          if (single.fits.test(name)) {
            single.shown = true;
            listed = true;
          }
        }
      }
      if (listed) tolerated += 1;
      else unlisted.set(name, [...(unlisted.get(name) ?? []), one]);
    }
  }
  // A part of the corpus says nothing about entries for the rest.
  if (whole) {
    for (const { label, cases } of compiled) {
      for (const { name, shown } of cases) if (!shown) complaints.push(`${label}: no longer so in ${name}`);
    }
  }
  const current = entries
    .map((entry, at) => ({ ...entry, cases: compiled[at].cases.filter((single) => single.shown).map((single) => single.name) }))
    .filter((entry) => entry.cases.length > 0);
  return { unlisted, tolerated, complaints, current, proposal: proposal(unlisted) };
}

/** What is not listed, as entries without reasons: one for each path and pair of values. */
function proposal(unlisted) {
  const entries = new Map();
  for (const [name, differences] of unlisted) {
    for (const { path, ours, theirs } of differences) {
      const key = JSON.stringify([path, ours, theirs]);
      if (!entries.has(key)) entries.set(key, { path, ours, theirs, cases: [], reason: '', see: '' });
      entries.get(key).cases.push(name);
    }
  }
  return [...entries.values()].sort((left, right) => right.cases.length - left.cases.length);
}
