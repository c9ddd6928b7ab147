// The console libraries are published as one module each, of some megabytes, in which every screen
// is. This takes such a module apart again: each declaration becomes a module of its own, and what
// the library loads lazily (`lazy(() => Promise.resolve().then(() => screen))`) is really loaded
// when it is first shown. The bundler then puts together what belongs together.
import { readFileSync } from 'node:fs';

import { analyze } from 'eslint-scope';
import { parseAst } from 'vite';

const MARK = '\0piece:';

/**
 * A Vite plugin. `isWhole` says of a module's path whether it is to be taken apart; `seldom` are patterns
 * of components that are loaded when they are first shown, although the library does not do so.
 */
export function pieces(isWhole, seldom = []) {
  const known = new Map();
  const of = (path) => {
    if (!known.has(path)) known.set(path, takeApart(path, readFileSync(path, 'utf8'), seldom));
    return known.get(path);
  };
  const read = (id) => /^\0piece:(\d+):(.*)$/.exec(id);
  return {
    name: 'pieces',
    enforce: 'pre',
    async resolveId(source, importer) {
      if (source.startsWith(MARK)) return { id: source, moduleSideEffects: false };
      // What a piece imports is where the library finds it.
      const piece = importer && read(importer);
      if (piece) return this.resolve(source, piece[2], { skipSelf: true });
      const found = await this.resolve(source, importer, { skipSelf: true });
      return found && isWhole(found.id) ? { ...found, moduleSideEffects: false } : undefined;
    },
    load(id) {
      const piece = read(id);
      if (piece) return of(piece[2]).modules[Number(piece[1])];
      return isWhole(id) ? of(id).facade : undefined;
    },
  };
}

function takeApart(path, code, seldom) {
  const ast = parseAst(code);
  withRanges(ast);
  const units = [];
  const imports = new Map();
  let exported = [];
  for (const node of ast.body) {
    if (node.type === 'ImportDeclaration') {
      for (const one of node.specifiers) {
        const what = { ImportDefaultSpecifier: () => one.local.name, ImportNamespaceSpecifier: () => `* as ${one.local.name}` }[one.type]
          ?? (() => `{ ${one.imported.name} as ${one.local.name} }`);
        imports.set(one.local.name, `import ${what()} from ${node.source.raw};`);
      }
    } else if (node.type === 'ExportNamedDeclaration' && !node.declaration && !node.source) {
      exported = exported.concat(node.specifiers.map((one) => [one.local.name, one.exported.name]));
    } else if (node.type === 'VariableDeclaration') {
      for (const one of node.declarations) units.push({ start: one.start, end: one.end, before: `${node.kind} `, declares: [] });
    } else if (node.type.startsWith('Export')) {
      throw new Error(`${path}: ${node.type} at ${node.start} is not foreseen`);
    } else {
      units.push({ start: node.start, end: node.end, before: '', declares: [] });
    }
  }
  const unitAt = (position) => {
    let low = 0;
    let high = units.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (units[middle].start <= position) low = middle;
      else high = middle - 1;
    }
    return position < units[low].end ? low : -1;
  };

  // Screens that are loaded when they are shown: no reference of the module that names them.
  const lazy = [];
  const LAZY = /Promise\.resolve\(\)\.then\(\(\) => ([\w$]+)\)/g;
  for (let match; (match = LAZY.exec(code)) !== null; ) lazy.push({ start: match.index, end: match.index + match[0].length, name: match[1] });
  const isLazy = (position) => lazy.some((one) => one.start <= position && position < one.end);

  const scope = analyze(ast, { ecmaVersion: 2022, sourceType: 'module' }).globalScope.childScopes[0];
  const group = units.map((_, index) => index);
  const find = (index) => (group[index] === index ? index : (group[index] = find(group[index])));
  const join = (a, b) => { group[find(a)] = find(b); };
  const holder = new Map();
  const uses = units.map(() => new Set());
  const taken = units.map(() => new Set());
  for (const variable of scope.variables) {
    if (imports.has(variable.name)) {
      for (const { identifier } of variable.references) {
        const unit = unitAt(identifier.start);
        if (unit >= 0) taken[unit].add(variable.name);
      }
      continue;
    }
    const homes = variable.identifiers.map((one) => unitAt(one.start));
    const home = homes[0];
    if (home === undefined) continue;
    // A name that is declared twice, or set elsewhere, has one module: others could not set it.
    for (const other of homes) join(other, home);
    holder.set(variable.name, home);
    units[home].declares.push(variable.name);
    for (const reference of variable.references) {
      const at = reference.identifier.start;
      const unit = unitAt(at);
      if (unit < 0 || unit === home || isLazy(at)) continue;
      if (reference.isWrite()) join(unit, home);
      else uses[unit].add(home);
    }
  }
  // A statement that declares nothing completes what it is about: `A.displayName = "A"`.
  const body = new Map(ast.body.map((node) => [node.start, node]));
  for (const [index, unit] of units.entries()) {
    const node = unit.before === '' ? body.get(unit.start) : undefined;
    if (!node || /^(Function|Class)Declaration$/.test(node.type)) continue;
    const about = subjects(node).map((name) => holder.get(name)).filter((home) => home !== undefined);
    if (about.length === 0 && find(index) === index) about.push(...[...uses[index]].slice(0, 1));
    for (const home of about) join(index, home);
  }

  // Modules that need each other are one.
  const edges = new Map();
  for (const [index, set] of uses.entries()) {
    const from = find(index);
    if (!edges.has(from)) edges.set(from, new Set());
    for (const to of set) if (find(to) !== from) edges.get(from).add(find(to));
  }
  const roots = [...new Set(units.map((_, index) => find(index)))];
  for (const circle of circles(roots, (node) => edges.get(node) ?? [])) for (const one of circle) join(one, circle[0]);

  const members = new Map();
  for (const [index] of units.entries()) {
    const root = find(index);
    if (!members.has(root)) members.set(root, []);
    members.get(root).push(index);
  }
  const numbers = new Map([...members.keys()].map((root, number) => [root, number]));
  const numberOf = (unit) => numbers.get(find(unit));
  const address = (number) => JSON.stringify(`${MARK}${number}:${path}`);
  const isSeldom = new Set();
  for (const pattern of seldom) {
    for (const [root, own] of members) {
      if (own.length === 1 && units[root].declares.length === 1 && pattern.test(code.slice(units[root].start, units[root].end))) isSeldom.add(numbers.get(root));
    }
  }
  const modules = [...members.values()].map((own) => {
    const number = numberOf(own[0]);
    const from = new Map();
    const outside = new Set();
    const text = own.map((index) => {
      const unit = units[index];
      for (const name of taken[index]) outside.add(name);
      for (const used of uses[index]) {
        if (numberOf(used) === number) continue;
        if (!from.has(numberOf(used))) from.set(numberOf(used), new Set());
        for (const name of units[used].declares) from.get(numberOf(used)).add(name);
      }
      let part = '';
      let at = unit.start;
      for (const one of lazy) {
        if (one.start < unit.start || one.end > unit.end) continue;
        part += code.slice(at, one.start);
        part += numberOf(holder.get(one.name)) === number ? code.slice(one.start, one.end)
          : `import(${address(numberOf(holder.get(one.name)))}).then((m) => m.${one.name})`;
        at = one.end;
      }
      return `${unit.before}${part}${code.slice(at, unit.end)};`;
    });
    const names = own.flatMap((index) => units[index].declares);
    return [
      ...[...outside].map((name) => imports.get(name)),
      ...[...from].map(([other, set]) => (isSeldom.has(other) ? lazily([...set][0], address(other)) : `import { ${[...set].join(', ')} } from ${address(other)};`)),
      ...text,
      `export { ${[...new Set(names)].join(', ')} };`,
    ].join('\n');
  });
  const byPiece = new Map();
  for (const [local, as] of exported) {
    const from = imports.has(local) ? undefined : numberOf(holder.get(local));
    if (!byPiece.has(from)) byPiece.set(from, []);
    byPiece.get(from).push([local, as]);
  }
  const facade = [...byPiece].map(([number, names]) => {
    const list = names.map(([local, as]) => `${local} as ${as}`).join(', ');
    if (number !== undefined) return `export { ${list} } from ${address(number)};`;
    return `${names.map(([local]) => imports.get(local)).join('\n')}\nexport { ${list} };`;
  }).join('\n');
  return { modules, facade };
}

/** A component that is loaded when it is first shown. */
function lazily(name, address) {
  return `import { lazy as lazy_${name} } from "react";\nconst ${name} = lazy_${name}(() => import(${address}).then((m) => ({ default: m.${name} })));`;
}

/** eslint-scope reads `range`, which this parser does not write. */
function withRanges(tree) {
  const open = [tree];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node.start === 'number') node.range = [node.start, node.end];
    for (const [key, value] of Object.entries(node)) {
      if (value && typeof value === 'object' && key !== 'range') open.push(value);
    }
  }
}

/** Names that a statement is about: what it sets, or sets a part of. */
function subjects(node) {
  const root = (target) => {
    let at = target;
    while (at?.type === 'MemberExpression') at = at.object;
    return at?.type === 'Identifier' ? [at.name] : [];
  };
  const expression = node.type === 'ExpressionStatement' ? node.expression : undefined;
  if (expression?.type === 'AssignmentExpression') return root(expression.left);
  if (expression?.type === 'CallExpression') {
    // (function (e) { … })(A || (A = {})), Object.assign(A, …)
    return expression.arguments.slice(0, 1).flatMap((one) => (one.type === 'LogicalExpression' ? root(one.left) : root(one)));
  }
  if (expression?.type === 'SequenceExpression') {
    return expression.expressions.flatMap((one) => subjects({ type: 'ExpressionStatement', expression: one }));
  }
  return [];
}

/** Sets of nodes that reach each other (Tarjan), without recursion. */
function circles(nodes, next) {
  const order = new Map();
  const low = new Map();
  const open = [];
  const isOpen = new Set();
  const found = [];
  for (const first of nodes) {
    if (order.has(first)) continue;
    const path = [];
    const enter = (node) => {
      order.set(node, order.size);
      low.set(node, order.get(node));
      open.push(node);
      isOpen.add(node);
      path.push([node, next(node)[Symbol.iterator]()]);
    };
    enter(first);
    while (path.length > 0) {
      const [node, rest] = path.at(-1);
      const step = rest.next();
      if (!step.done) {
        if (!order.has(step.value)) enter(step.value);
        else if (isOpen.has(step.value)) low.set(node, Math.min(low.get(node), order.get(step.value)));
        continue;
      }
      path.pop();
      if (path.length > 0) low.set(path.at(-1)[0], Math.min(low.get(path.at(-1)[0]), low.get(node)));
      if (low.get(node) !== order.get(node)) continue;
      const circle = [];
      let one;
      do {
        one = open.pop();
        isOpen.delete(one);
        circle.push(one);
      } while (one !== node);
      found.push(circle);
    }
  }
  return found.filter((circle) => circle.length > 1);
}
