import type { Template } from './template.ts'

/** One service with one table, one event and one test. */
export const first: Template = ({ say }) => ({
  tries: [
    {
      command: `curl -X POST localhost:8080/notes -H 'content-type: application/json' -d '{"text":"hello"}'`,
      shows: say('takes a note', '메모를 남깁니다'),
    },
    { command: 'curl localhost:8080/notes/count', shows: say('what the reaction counted', '반응이 센 개수를 봅니다') },
    { command: 'npx dure trace', shows: say('what happened for it, step by step', '무슨 일이 있었는지 차례로 봅니다') },
  ],
  files: {
    'src/system.ts': `import { rest } from '@dure/rest'
import { system } from 'dure/service'
import { notes } from './notes/service.ts'

export default system('notes', { services: [notes], doors: [rest({ port: 8080 })] })
`,
    'src/notes/contract.ts': `import { command, contract, event, query } from 'dure/contract'
import { z } from 'zod'

export const Note = z.object({ id: z.string(), text: z.string().min(1).max(1_000) })

/** ${say('Something that has happened: others may react to it, and nobody can take it back.', '이미 일어난 일입니다. 누구든 반응할 수 있고, 아무도 되돌릴 수 없습니다.')} */
export const NoteTaken = event('note.taken', { schema: Note, key: ({ id }) => id })

/** ${say('All that others may know of this service.', '다른 서비스가 이 서비스에 대해 알 수 있는 전부입니다.')} */
export const Notes = contract('notes', {
  version: '1.0.0',
  owner: 'team-notes',
  operations: {
    take: command({ input: Note.omit({ id: true }), output: Note, http: 'POST /notes' }),
    list: query({ output: z.array(Note), http: 'GET /notes' }),
    count: query({ output: z.object({ count: z.int() }), http: 'GET /notes/count' }),
  },
  events: [NoteTaken],
})
`,
    'src/notes/service.ts': `import { database } from 'dure/data'
import { service } from 'dure/service'
import { NoteTaken, Notes } from './contract.ts'

type Tables = { notes: { id: string; text: string }; counts: { taken: number } }

export const notes = service(Notes, {
  database: database<Tables>({
    // ${say('Never changed once it has run somewhere: what comes later is a migration of its own.', '한 번이라도 실행된 뒤에는 고치지 않습니다. 나중에 바꿀 것은 새 마이그레이션으로 적습니다.')}
    migrations: {
      '001-notes': 'CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL)',
      '002-counts': 'CREATE TABLE counts (taken INTEGER NOT NULL); INSERT INTO counts VALUES (0)',
    },
  }),
  handlers: {
    take: ({ text }, { database, ids }) =>
      database.transaction(async (tx) => {
        const note = { id: ids.next(), text }
        await tx.insertInto('notes').values(note).execute()
        // ${say('With the row, or not at all.', '행과 함께 나가거나, 아예 나가지 않습니다.')}
        await tx.publish(NoteTaken, note)
        return note
      }),
    list: (_, { database }) => database.read.selectFrom('notes').selectAll().orderBy('id').execute(),
    count: async (_, { database }) => {
      const { taken } = await database.read.selectFrom('counts').select('taken').executeTakeFirstOrThrow()
      return { count: taken }
    },
  },
  subscriptions: ({ on }) => [
    // ${say('Once for each note, whatever crashes or arrives twice: effect and mark commit together.', '무엇이 죽거나 두 번 도착해도 메모마다 한 번입니다. 효과와 표시가 함께 커밋됩니다.')}
    on(NoteTaken, async (_, { tx }) => {
      await tx.updateTable('counts').set((row) => ({ taken: row('taken', '+', 1) })).execute()
    }),
  ],
})
`,
    'src/notes/notes.component.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSystem } from '@dure/testing'
import { NoteTaken, Notes } from './contract.ts'
import { notes } from './service.ts'

test('${say('a note that was taken is kept, announced and counted', '남긴 메모는 저장되고, 알려지고, 세어진다')}', async () => {
  await using tested = await testSystem(notes)
  const client = tested.client(Notes)
  const note = await client.take({ text: 'hello' })
  await tested.settled()
  assert.deepEqual(await client.list(), [note])
  assert.deepEqual(tested.published(NoteTaken).map(({ data }) => data), [note])
  assert.deepEqual(await client.count(), { count: 1 })
})
`,
  },
})
