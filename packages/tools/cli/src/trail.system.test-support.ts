/** A system that writes an audit log; its key is the same each time, as tests want. */
import { generateKeyPairSync } from 'node:crypto'
import { auditLog } from 'dure/audit'
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const trail = auditLog('tests/books', { key: generateKeyPairSync('ed25519').privateKey })
const Books = contract('books', {
  version: '1.0.0',
  owner: 'tests',
  operations: { lend: command({ input: z.object({ book: z.string(), to: z.string() }) }) },
})
const books = service(Books, {
  database: database({ migrations: {} }),
  extensions: [trail],
  handlers: {
    lend: ({ book, to }, { database }) =>
      database.transaction((tx) =>
        trail.write(tx, {
          action: 'book.lent',
          actor: 'ida',
          subject: to,
          about: { book },
          personal: { reader: `Reader ${to}` },
        }),
      ),
  },
})

const library: System = system('library', { services: [books], telemetry: false })
export default library
