// How the corpus is written down: tables of parameters and of what is changed in them.

/** A request of the corpus: `run(subject)` answers what is compared, or a map of several answers. */
export const one = (name, run, options = {}) => ({ name, run, options });

/** Cases with names under a common one. */
export const group = (prefix, ...cases) => cases.flat(Infinity).map((single) => ({ ...single, name: `${prefix}/${single.name}` }));

const LONG = 'x'.repeat(8_000);

/** What is done to each parameter of a request: name of the change, and the new value of the old one. */
const CHANGES = [
  ['missing', () => undefined],
  ['empty', () => ''],
  ['wrong', () => 'nonsense'],
  ['twice', (value) => [value, value]],
  ['with a null byte', (value) => `${value}\0`],
  ['too long', () => LONG],
];

/**
 * The same request with every change in each of the parameters, and one with none. `build(subject)`
 * answers the parameters, which have to have these `names`; `ask(subject, parameters)` sends them.
 */
export function mutations(names, build, ask, { without = [] } = {}) {
  const changed = names.flatMap((name) => CHANGES
    .filter(([what]) => !without.includes(`${name} ${what}`) && !without.includes(what))
    .map(([what, change]) => one(`${name} ${what}`, async (subject) => {
      const parameters = await build(subject);
      if (!(name in parameters)) throw new Error(`no parameter ${name}`);
      return ask(subject, { ...parameters, [name]: change(parameters[name]) });
    })));
  return [one('as it should be', async (subject) => ask(subject, await build(subject))), ...changed];
}

/** A request for each of the values of one parameter. */
export const values = (parameter, list, build, ask) => list.map((value) => one(
  `${parameter} ${value === '' ? '(empty)' : value}`,
  async (subject) => ask(subject, { ...(await build(subject)), [parameter]: value }),
));

/** A request for each set of further or other parameters: a table of name and parameters, or what makes them. */
export const variants = (table, build, ask) => Object.entries(table).map(([name, changes]) => one(name, async (subject) => ask(
  subject,
  { ...(await build(subject)), ...(typeof changes === 'function' ? await changes(subject) : changes) },
)));
