import { dirname, join } from 'node:path'
import { callsOf, codeOf, groupIn, valueOf } from './code.ts'
import { withImport, withItem } from './edits.ts'
import { checkName, constantOf, variableOf } from './names.ts'
import type { Plan } from './plan.ts'
import { optionsOf, type Project } from './project.ts'
import { sayIn, type Say } from './say.ts'

/** A service with a command, a query and a table, hexagonal inside. */
export function planService(project: Project, name: string): Plan {
  checkName('service', name)
  const { system, sources, lang } = project
  const [variable, constant] = [variableOf(name), constantOf(name)]
  const root = dirname(system.file)
  // Somebody may have the route already.
  const route = sources.some(({ text }) => text.includes(` /${name}'`)) ? `${name}/entries` : name
  const files = serviceFiles({ name, variable, constant, route, say: sayIn(lang) })
  return {
    what: `the service "${name}"`,
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [join(root, name, path), text])),
    edits: [
      {
        file: system.file,
        place: 'at the top',
        put: `import { ${variable} } from './${name}/service.ts'`,
        change: (text) => withImport(text, variable, `./${name}/service.ts`),
      },
      {
        file: system.file,
        place: 'in "services" of system(…)',
        put: variable,
        change: (text) => {
          const code = codeOf(text)
          const [call, ...others] = callsOf(code, 'system')
          const options = call && optionsOf(code, call.group)
          const services = options && groupIn(code, valueOf(code, options, 'services'), '[')
          return services === undefined || others.length > 0 ? undefined : withItem(text, services, { item: variable })
        },
      },
    ],
    next: `npm test, then npm run dev and: curl localhost:8080/${route}`,
  }
}

function serviceFiles(options: {
  readonly name: string
  readonly variable: string
  readonly constant: string
  readonly route: string
  readonly say: Say
}): Readonly<Record<string, string>> {
  const { name, variable, constant, route, say } = options
  const entry = constant === 'Entry' ? 'Item' : 'Entry'
  return {
    'contract.ts': `import { command, contract, query } from 'dure/contract'
import { z } from 'zod'

const ${entry} = z.object({ id: z.string(), text: z.string().max(1_000) })

/** ${say('All that others may know of this service.', '다른 서비스가 이 서비스에 대해 알 수 있는 전부입니다.')} */
export const ${constant} = contract('${name}', {
  version: '1.0.0',
  owner: 'team-${name}',
  operations: {
    add: command({ input: ${entry}.pick({ text: true }), output: ${entry}, http: 'POST /${route}' }),
    list: query({ output: z.array(${entry}), http: 'GET /${route}' }),
  },
})
`,
    'domain/tidy.ts': `/** ${say('A rule, which knows nobody: what is kept of a text.', '아무도 모르는 규칙입니다. 글에서 무엇을 남길지 정합니다.')} */
export const tidy = (text: string): string => text.trim().replaceAll(/\\s+/g, ' ')
`,
    'domain/tidy.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidy } from './tidy.ts'

test('${say('words are kept, and one space between them', '낱말과 그 사이의 빈칸 하나만 남는다')}', () => {
  assert.equal(tidy('  two   words '), 'two words')
})
`,
    'store/entries.ts': `import { database, type Kysely } from 'dure/data'

type Tables = { entries: { id: string; text: string } }

export const ${variable}Database = database<Tables>({
  // ${say('Never changed once it has run somewhere: what comes later is a migration of its own.', '한 번이라도 실행된 뒤에는 고치지 않습니다. 나중에 바꿀 것은 새 마이그레이션으로 적습니다.')}
  migrations: {
    '001-entries': 'CREATE TABLE entries (id TEXT PRIMARY KEY, text TEXT NOT NULL)',
  },
})

export const insertEntry = (tx: Kysely<Tables>, row: Tables['entries']) => tx.insertInto('entries').values(row).execute()

export const listEntries = (tx: Kysely<Tables>) => tx.selectFrom('entries').selectAll().orderBy('id').limit(100).execute()
`,
    'service.ts': `import { service } from 'dure/service'
import { ${constant} } from './contract.ts'
import { tidy } from './domain/tidy.ts'
import { insertEntry, listEntries, ${variable}Database } from './store/entries.ts'

export const ${variable} = service(${constant}, {
  database: ${variable}Database,
  handlers: {
    add: ({ text }, { database, ids }) =>
      database.transaction(async (tx) => {
        const entry = { id: ids.next(), text: tidy(text) }
        await insertEntry(tx, entry)
        return entry
      }),
    list: (_, { database }) => listEntries(database.read),
  },
})
`,
    [`${name}.test.ts`]: `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSystem } from '@dure/testing'
import { ${constant} } from './contract.ts'
import { ${variable} } from './service.ts'

test('${say('what was added is listed', '더한 것이 목록에 나온다')}', async () => {
  await using tested = await testSystem(${variable})
  const client = tested.client(${constant})
  const entry = await client.add({ text: ' hello ' })
  assert.equal(entry.text, 'hello')
  assert.deepEqual(await client.list(), [entry])
})
`,
  }
}
