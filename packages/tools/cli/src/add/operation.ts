import { dirname, join } from 'node:path'
import { CliError, EXIT } from '../shell.ts'
import { checkName, wordsOf } from './names.ts'
import type { Plan } from './plan.ts'
import { keysIn, optionsOf, pathTo, type Project } from './project.ts'
import { sayIn } from './say.ts'
import { editIn, importIn, serviceNamed, subjectIn } from './within.ts'

/** An operation that answers with what it was given: its author says what it does. */
export function planOperation(
  project: Project,
  name: string,
  { service: wanted, kind }: { readonly service: string | undefined; readonly kind: 'command' | 'query' },
): Plan {
  checkName('operation', name)
  const whole = serviceNamed(project, wanted)
  const { contract, service, constant } = whole
  const options = optionsOf(contract.source.code, contract.args)
  if (keysIn(contract.source, options, 'operations').includes(name))
    throw new CliError(`Cannot add the operation "${name}" to "${whole.name}": it has one of that name; take another`, {
      exitCode: EXIT.misuse,
    })
  const say = sayIn(project.lang)
  // As its others are: by HTTP, or by name only.
  const byHttp = /\bhttp\s*:/.test(contract.source.code.slice(contract.args.open, contract.args.close))
  const route = `${kind === 'command' ? 'POST' : 'GET'} /${whole.name}/${wordsOf(name, '-')}`
  const promise = `${name}: ${kind}({ input: z.object({ id: z.string() }), output: z.object({ id: z.string() })${byHttp ? `, http: '${route}'` : ''} }),`
  const handler = `// ${say('Takes what it is given and answers; what it writes, it writes in one database.transaction.', '받은 것을 처리해서 답합니다. 쓸 것이 있으면 database.transaction 하나 안에서 씁니다.')}\n${name}: async ({ id }) => ({ id }),`
  const test = join(dirname(service.source.file), `${wordsOf(name, '-')}.test.ts`)
  const { line, subject } = subjectIn(project, whole, test)
  return {
    what: `the operation "${name}" to "${whole.name}"`,
    files: {
      [test]: `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSystem } from '@dure/testing'
import { ${constant} } from '${pathTo(test, contract.source.file)}'
${line}

test('${say(`${whole.name}.${name} answers`, `${whole.name}.${name}이(가) 답한다`)}', async () => {
  await using tested = await testSystem(${subject})
  assert.deepEqual(await tested.client(${constant}).${name}({ id: '1' }), { id: '1' })
})
`,
    },
    edits: [
      importIn(contract.source.file, kind, 'dure/contract'),
      importIn(contract.source.file, 'z', 'zod'),
      editIn({
        ...{ source: contract.source, call: ['contract', `'${whole.name}'`], property: 'operations' },
        item: { item: promise.slice(0, -1), block: true },
        whole: `operations: {\n  ${promise}\n}`,
      }),
      editIn({
        ...{ source: service.source, call: ['service', constant], property: 'handlers' },
        item: { item: handler.slice(0, -1), block: true },
        whole: `handlers: {\n  ${handler.replaceAll('\n', '\n  ')}\n}`,
      }),
    ],
    next: `say what it takes and does, then npm test; while it runs: npx dure call ${whole.name}.${name} '{"id":"1"}'`,
  }
}
