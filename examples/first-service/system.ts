import { rest } from '@dure/rest'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { z } from 'zod'

const Note = z.object({ id: z.string(), text: z.string().min(1) })
const NoteTaken = event('note.taken', { schema: Note, key: (note) => note.id })

const Notes = contract('notes', {
  version: '1.0.0',
  owner: 'team-notes',
  operations: {
    take: command({ input: Note.omit({ id: true }), output: Note, http: 'POST /notes' }),
    count: query({ output: z.object({ count: z.int() }), http: 'GET /notes/count' }),
  },
  events: [NoteTaken],
})

const notes = service(Notes, {
  database: database<{ notes: z.infer<typeof Note>; counts: { taken: number } }>({
    migrations: {
      '001':
        'CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT); CREATE TABLE counts (taken INTEGER); INSERT INTO counts VALUES (0)',
    },
  }),
  handlers: {
    take: ({ text }, { database, ids }) =>
      database.transaction(async (tx) => {
        const note = { id: ids.next(), text }
        await tx.insertInto('notes').values(note).execute()
        await tx.publish(NoteTaken, note) // with the row, or not at all
        return note
      }),
    count: async (_, { database }) => ({
      count: (await database.read.selectFrom('counts').select('taken').executeTakeFirstOrThrow()).taken,
    }),
  },
  subscriptions: ({ on }) => [
    // Once for every note, whatever crashes or arrives twice: effect and mark commit together.
    on(
      NoteTaken,
      async (_, { tx }) =>
        void (await tx
          .updateTable('counts')
          .set((c) => ({ taken: c('taken', '+', 1) }))
          .execute()),
    ),
  ],
})

export default system('first', { services: [notes], doors: [rest({ port: 8080 })] })
