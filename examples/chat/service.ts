import { database } from 'dure/data'
import { service } from 'dure/service'
import { Chat } from './contract.ts'
import { createBell } from './bell.ts'

/** Rung when something was said, or somebody came or went: those who listen look again. */
const bell = createBell()
const present = new Map<string, string[]>()

export const chat = service(Chat, {
  database: database<{ messages: { room: string; n: number; name: string; text: string } }>({
    migrations: {
      '001': 'CREATE TABLE messages (room TEXT, n INTEGER, name TEXT, text TEXT, PRIMARY KEY (room, n))',
    },
  }),
  handlers: {
    say: async ({ room, name, text }, { database }) => {
      const n = await database.transaction(async (tx) => {
        const last = await tx
          .selectFrom('messages')
          .select(({ fn }) => fn.max('n').as('n'))
          .where('room', '=', room)
          .executeTakeFirst()
        const next = (last?.n ?? 0) + 1
        await tx.insertInto('messages').values({ room, n: next, name, text }).execute()
        // Kept with the message: whoever repeats the call hears this number, also after a crash.
        await tx.answer(next)
        return next
      })
      bell.ring(room)
      return n
    },
    history: ({ room }, { database }) =>
      database.read
        .selectFrom('messages')
        .select(['n', 'name', 'text'])
        .where('room', '=', room)
        .orderBy('n')
        .limit(500)
        .execute(),
    listen: async function* ({ room, after }, { database, signal }) {
      for (let last = after; !signal.aborted;) {
        const rung = bell.next(room, signal)
        const messages = await database.read
          .selectFrom('messages')
          .select(['n', 'name', 'text'])
          .where('room', '=', room)
          .where('n', '>', last)
          .orderBy('n')
          .limit(100)
          .execute()
        for (const message of messages) {
          yield message
          last = message.n
        }
        if (messages.length === 0) await rung
      }
    },
    presence: async function* ({ room, name }, { signal }) {
      const here = present.get(room) ?? []
      present.set(room, here)
      here.push(name)
      bell.ring(`${room} presence`)
      try {
        while (!signal.aborted) {
          const rung = bell.next(`${room} presence`, signal)
          yield [...new Set(here)].toSorted()
          await rung
        }
      } finally {
        here.splice(here.indexOf(name), 1)
        bell.ring(`${room} presence`)
      }
    },
  },
})
