import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { callsOf, codeOf, groupAt, groupIn, itemsOf, valueOf } from './code.ts'
import { withImport, withItem, withLinesBefore } from './edits.ts'

test('what is no code is blank, and all stands where it stood', () => {
  const cases: readonly (readonly [text: string, code: string])[] = [
    [`a('x, }') // }`, `a('____')     `],
    ['b(`${c("}")} ]`)', 'b(`___________`)'],
    ['d = /[/)]\\//g.test(e)', 'd = /_______/.test(e)'],
    ['f = g / h / i', 'f = g / h / i'],
    ['/* { \n */ j', '          j'],
    ["'never ends", "'never ends"],
  ]
  for (const [text, code] of cases) {
    assert.equal(codeOf(text), code)
    assert.equal(code.length, text.length)
  }
})

test('any text is read to its end, whatever is in it', () => {
  const pieces = fc.constantFrom('`', '${', '}', '{', '(', ')', "'", '"', '/', '//', '/*', '*/', '\\', '\n', 'a', ' ', '=')
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('')
      assert.equal(codeOf(text).length, text.length)
    }),
  )
})

test('calls, their arguments and the properties of an object are found behind types, comments and strings', () => {
  const text = `other.service(0); // service(1)
const a = service<{ x: Map<string, number>; y: () => void }>(Notes, { list: ['a, b', c], handlers: {} , ...rest })`
  const code = codeOf(text)
  const [call, ...others] = callsOf(code, 'service')
  assert.equal(others.length, 0)
  const [first, second] = itemsOf(code, call!.group)
  assert.equal(text.slice(first!.start, first!.end), 'Notes')
  const object = groupIn(code, second, '{')!
  const list = valueOf(code, object, 'list')
  assert.ok(list !== undefined && list !== 'absent')
  assert.equal(text.slice(list.start, list.end), "['a, b', c]")
  assert.equal(valueOf(code, object, 'events'), undefined, 'it may come with the rest')
  assert.equal(valueOf('{ a: 1 }', { open: 0, close: 7 }, 'events'), 'absent')
  assert.equal(valueOf('{ events() {} }', { open: 0, close: 14 }, 'events'), undefined)
})

test('an item is added as the others stand: in their line or below them, behind their comments, with their ends of lines', () => {
  const put = (text: string, item: string, more: { block?: boolean; between?: ',' | ';' } = {}): string =>
    withItem(text, groupAt(codeOf(text), text.search(/[[{]/))!, { item, ...more })
  assert.equal(put('x = []', 'a'), 'x = [a]')
  assert.equal(put('x = [a, b]', 'c'), 'x = [a, b, c]')
  assert.equal(put('x = { a, }', 'b'), 'x = { a, b }')
  assert.equal(put('x = {}', 'a: 1', { block: true }), 'x = {\n  a: 1,\n}')
  assert.equal(put('x = { a: 1 }', 'b: 2', { block: true }), 'x = {\n  a: 1,\n  b: 2,\n}')
  assert.equal(put('  x = {\n      a: 1 // one\n  }', 'b'), '  x = {\n      a: 1, // one\n      b,\n  }')
  assert.equal(put('x = [\r\n\ta,\r\n]', 'b'), 'x = [\r\n\ta,\r\n\tb,\r\n]')
  assert.equal(put('type T = { a: 1; b: 2 }', 'c: 3', { between: ';' }), 'type T = { a: 1; b: 2; c: 3 }')
  assert.equal(put('type T = {\n  a: 1\n}', 'b: 2', { between: ';' }), 'type T = {\n  a: 1\n  b: 2\n}')
  assert.equal(put('type T = {\n  a: 1;\n}', 'b: 2', { between: ';' }), 'type T = {\n  a: 1;\n  b: 2;\n}')
})

test('an import joins those of its module, in the quotes of the file; a name that means something else is left alone', () => {
  assert.equal(withImport("import { a } from './m.ts'\n", 'b', './m.ts'), "import { a, b } from './m.ts'\n")
  assert.equal(withImport("import { a } from './m.ts'\n", 'a', './m.ts'), "import { a } from './m.ts'\n")
  assert.equal(
    withImport('import x from "x";\n\nx()\n', 'b', './m.ts'),
    'import x from "x";\nimport { b } from "./m.ts";\n\nx()\n',
  )
  assert.equal(withImport('x()\n', 'b', './m.ts'), "import { b } from './m.ts'\nx()\n")
  assert.equal(withImport("import type { a } from './m.ts'\n", 'b', './m.ts')?.split('\n').length, 3)
  for (const text of ['const b = 1', "import { b } from './n.ts'", "import { a as b } from './m.ts'", 'function b() {}'])
    assert.equal(withImport(text, 'b', './m.ts'), undefined, text)
})

test('lines go before a statement and what is said of it', () => {
  const text = 'const a = 1\n\n/** Said. */\nexport const b = call(a)\n'
  assert.equal(
    withLinesBefore(text, text.indexOf('call'), 'const x = 0'),
    'const a = 1\n\nconst x = 0\n\n/** Said. */\nexport const b = call(a)\n',
  )
})
