import { Admin, ConnectionPool, Consumer, findErrorBy, Producer, type BaseOptions, type Connection } from '@platformatic/kafka'
import { backoff } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'

/** The brokers as this process reaches them: a client for each kind of request, and the coordinator of each group. */
export type Cluster = {
  /** Addresses, for messages to people. */
  readonly where: string
  readonly admin: Admin
  readonly producer: Producer
  /** Connections of their own, for requests that wait at the broker: it answers those of one connection one after another. */
  readonly connections: (requestTimeout: number) => ConnectionPool
  /** A client that fetches from these topics, and joins no group. */
  readonly fetching: (topics: readonly string[], maxWaitTime: number) => Consumer
  /** Does something at the group's coordinator, wherever that has moved to. */
  readonly atCoordinator: <T>(
    group: string,
    work: (connection: Connection) => Promise<T>,
    how?: { readonly pool?: ConnectionPool; readonly tries?: number },
  ) => Promise<T>
  readonly close: () => Promise<void>
}

const RETRY = { first: 50, max: 2_000 }
const TRIES = 8

export function connectCluster(options: { base: BaseOptions; runtime: Runtime; publishTries: number }): Cluster {
  const { base, runtime } = options
  const where = base.bootstrapBrokers.map((one) => (typeof one === 'string' ? one : `${one.host}:${one.port}`)).join(', ')
  const retrying = (retries: number): BaseOptions => ({
    ...base,
    retries,
    retryDelay: (_client, _operation, failed) => backoff(RETRY, failed, runtime.random),
  })
  const admin = new Admin(retrying(6))
  const producer = new Producer({ ...retrying(options.publishTries), idempotent: true })
  const closing = new Set<{ readonly close: () => Promise<void> }>([admin, producer])
  const coordinators = new Map<string, Promise<{ readonly host: string; readonly port: number }>>()

  const coordinatorOf = (group: string): Promise<{ readonly host: string; readonly port: number }> => {
    const known = coordinators.get(group)
    if (known !== undefined) return known
    const found = admin.findCoordinator({ keyType: 0, keys: [group] }).then(([first]) => first!)
    coordinators.set(group, found)
    found.catch(() => coordinators.delete(group))
    return found
  }

  const atCoordinator: Cluster['atCoordinator'] = async (group, work, { pool = admin.connections, tries = TRIES } = {}) => {
    for (let failed = 1; ; failed++) {
      try {
        return await work(await pool.get(await coordinatorOf(group)))
      } catch (error) {
        if (!isMoving(error)) throw error
        coordinators.delete(group)
        if (failed >= tries) throw error
        await runtime.timers.sleep(backoff(RETRY, failed, runtime.random))
      }
    }
  }

  return {
    where,
    admin,
    producer,
    connections: (requestTimeout) => {
      const pool = new ConnectionPool(base.clientId, { ...base, requestTimeout })
      closing.add(pool)
      return pool
    },
    fetching: (topics, maxWaitTime) => {
      const client = new Consumer({ ...retrying(0), groupId: 'none', maxWaitTime, minBytes: 1 })
      client.topics.trackAll(...topics)
      closing.add({ close: () => client.close(true) })
      return client
    },
    atCoordinator,
    close: async () => void (await Promise.allSettled([...closing].map((one) => one.close()))),
  }
}

/** The group's coordinator is another one now, or is not ready, or cannot be reached for the moment. */
function isMoving(error: unknown): boolean {
  return (
    findErrorBy(error as Error, 'code', 'PLT_KFK_NETWORK') !== null ||
    ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'].some((id) => isRefusal(error, id))
  )
}

/** Whether a broker answered with this error of the protocol, among others perhaps. */
export function isRefusal(error: unknown, id: string): boolean {
  return findErrorBy(error as Error, 'apiId', id) !== null
}
