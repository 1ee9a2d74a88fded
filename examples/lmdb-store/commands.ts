import type { CommandRecord, CommandRun, Records } from 'dure/data'
import type { ClientTransaction } from 'dure/data/adapter'
import { hash, type Client, type Reader } from './client.ts'

/** By operation and key; and by age. */
export const [KEYS, AGES] = ['dure_idempotency', 'dure_idempotency_age']

/** Its body is the id of its run until there is an answer. */
type Command = Omit<CommandRecord, 'remaining'> & { readonly lease: number; readonly at: number }

/** What has become of commands that carry a key. */
export function idempotencyIn(read: Reader, now: () => number): Records<ClientTransaction<Client>>['idempotency'] {
  const find = (from: Reader, operation: string, key: string) => from.get([KEYS, hash(operation, key)]) as Command | undefined
  const put = (client: Client, { operation, key }: Pick<CommandRun, 'operation' | 'key'>, command: Command): true => {
    const id = hash(operation, key)
    client.put([KEYS, id], command)
    client.put([AGES, command.at, id], true)
    return true
  }
  const write = (
    client: Client,
    { operation, key, run, held = 0, ...wanted }: CommandRun & Pick<Command, 'outcome' | 'body'>,
  ): boolean => {
    const found = find(client, operation, key) ?? { ...wanted, outcome: 'running', body: run, lease: 0, at: now() + held }
    if ((found.outcome !== 'running' && found.outcome !== 'committed') || found.body !== run) return false
    return put(client, { operation, key }, { ...found, outcome: wanted.outcome, body: wanted.body })
  }
  return {
    find: async ({ operation, key }) => {
      const found = find(read, operation, key)
      return found && { ...found, remaining: found.lease - now() }
    },
    begin: async ({ client }, { operation, key, fingerprint, run, owner, held = 0, lease, instead }) => {
      const found = find(client, operation, key)
      if (found?.outcome !== instead?.outcome || found?.body !== instead?.body) return false
      if (found !== undefined) client.remove([AGES, found.at, hash(operation, key)])
      const command = { fingerprint, owner, outcome: 'running', body: run, lease: now() + lease, at: now() + held } as const
      return put(client, { operation, key }, command)
    },
    commit: async ({ client }, run) => write(client, { ...run, outcome: 'committed', body: run.run }),
    answer: async ({ client }, run) => write(client, run),
    end: async ({ client }, { operation, key, run }) => {
      const found = find(client, operation, key)
      if (found?.body === run) put(client, { operation, key }, { ...found, lease: 0 })
    },
    release: async ({ client }, keys) => {
      for (const { operation, key } of keys) {
        const found = find(client, operation, key)
        if (found === undefined || found.at <= now()) continue
        client.remove([AGES, found.at, hash(operation, key)])
        put(client, { operation, key }, { ...found, at: now() })
      }
    },
  }
}
