import type { DatabaseAdapter, DatabaseWorld, SqlStore } from 'dure/data'
import {
  noDriver,
  readClosed,
  readOnly,
  snapshotOver,
  sqliteConnection,
  sqliteKysely,
  sqlRecords,
  type KyselyConnection,
} from 'dure/data/internal'
import { EPOCH, type Process } from '../kernel/kernel.ts'
import { createRelay } from './relay.ts'
import type { Servers } from './servers.ts'
import { createTransactions } from './transactions.ts'

type Connection = Omit<KyselyConnection, 'statements'>

/** A store at a database server: any number of processes have it open at once. */
export function serverStore(options: {
  readonly process: Process
  readonly servers: Pick<Servers, 'of' | 'world'>
  /** Milliseconds to the server, and back. */
  readonly latency: (process: Process) => number
  readonly sometimes: (what: string) => void
}): (world: DatabaseWorld) => DatabaseAdapter<SqlStore> {
  const { process, servers, latency, sometimes } = options

  const ask = async <T>(work: () => T | Promise<T>): Promise<T> => {
    const there = latency(process)
    if (there > 0) {
      const asked = new Promise<T>((resolve, reject) => {
        // What happens at the server happens whatever becomes of the process that asked.
        servers.world.later(there, () => {
          try {
            Promise.resolve(work()).then(resolve, reject)
          } catch (error) {
            reject(error as Error)
          }
        })
      })
      try {
        return await asked
      } finally {
        // The answer comes to the process, which may stand still or be dead by then.
        await process.pause(latency(process))
      }
    }
    return work()
  }

  return (world) => ({
    name: 'simulated database server',
    open: async (service, definition) => {
      const server = servers.of(service)
      await server.migrate(definition, world.runtime.clock.now)
      const member = world.runtime.ids.next()
      server.join(member, process)
      const transactions = createTransactions({ service, member, process, server, ask, sometimes })
      let over = false
      const guard = (): void => {
        if (over) throw readClosed(service)
      }
      const explain = (error: unknown): unknown =>
        (error as { errcode?: number }).errcode === 8 ? readOnly(service, error) : error
      const reading = async <T>(work: () => T | Promise<T>): Promise<T> => {
        guard()
        try {
          return await ask(work)
        } catch (error) {
          throw explain(error)
        }
      }
      const through = (inner: Connection): Connection => ({
        executeQuery: (query) => reading(() => inner.executeQuery(query)),
        async *streamQuery(query, size) {
          yield await reading(() => inner.executeQuery(query))
          void size
        },
      })
      const connection = through(server.connection)
      const select: SqlStore['select'] = (sql, parameters = []) => reading(() => server.select(sql, parameters))
      // The server's own clock, which goes alike for all processes, however theirs are set.
      const time = (): number => Math.floor(EPOCH + world.runtime.clock.monotonic())
      return {
        service,
        engine: 'sqlite',
        sharing: 'shared',
        member,
        waitOut: (how) => ask(() => server.waitOut(how)),
        gone: (of) => ask(() => server.gone(of)),
        records: sqlRecords({ select }, time),
        time,
        read: sqliteKysely.reader(connection, { provideConnection: (use) => use(connection) }, noDriver),
        transaction: transactions.transaction,
        snapshot: async (work) => {
          guard()
          const { snapshot, close } = await ask(server.look)
          let ended = false
          try {
            const seeing = (): void => {
              guard()
              if (ended) throw snapshotOver()
            }
            const { statements } = snapshot
            const inner = sqliteConnection({ statements, guard: seeing, explain, whole: true })
            return await work(sqliteKysely.transaction(through(inner)))
          } finally {
            ended = true
            close()
          }
        },
        select,
        ping: async () => void (await select('SELECT 1 AS one')),
        outbox: async (of) => createRelay(of, { process, mailbox: server.mailbox, attemptOf: transactions.attemptOf, ask }),
        stop: async ({ timeout } = {}) => {
          await transactions.stop(timeout)
          over = true
          server.leave(member)
        },
      }
    },
  })
}
