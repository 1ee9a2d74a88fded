import type {
  OutboxMessage,
  DeadLetterAudit,
  DeadLetterFilter,
  DeadMessage,
  DeadMessageGroup,
  Fence,
  Retained,
  ParkedId,
  ParkedMessage,
  Records,
} from 'dure/data'
import { FencedError, type ClientTransaction } from 'dure/data/adapter'
import { hash, type Client, type Entry, type Key, type Reader } from './client.ts'
import { AGES, idempotencyIn, KEYS } from './commands.ts'

/** What Dure keeps in this store. Texts of others may be longer than a key of LMDB: those go in as their hash. */
export function recordsIn(read: Reader, now: () => number): Records {
  const records: Records<ClientTransaction<Client>> = {
    outbox: outboxIn(read),
    inbox: inbox,
    idempotency: idempotencyIn(read, now),
    ownership,
    parked: parkedIn(read, now),
    deadLetters: deadLettersIn(read),
    upkeep: upkeepIn(read, now),
  }
  // Only ever given transactions of this store.
  return records as Records
}

type Of<Part extends keyof Records> = Records<ClientTransaction<Client>>[Part]
type Row = { readonly key: Key; readonly value: unknown }

function take<T>(entries: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const entry of entries) {
    if (taken.length >= limit) break
    taken.push(entry)
  }
  return taken
}

/** The number that comes after the last one under a prefix. */
function nextOf(client: Client, prefix: Key): number {
  const [last] = take(client.range(prefix, { reverse: true }), 1)
  return last === undefined ? 1 : Number(last.key.at(-1)) + 1
}

function outboxIn(read: Reader): Of<'outbox'> {
  const OUTBOX = 'dure_outbox'
  const rowOf = ({ key, value }: Entry) => ({ position: Number(key[1]), message: value as OutboxMessage })
  return {
    left: async () => {
      const all = [...read.range([OUTBOX])].map(rowOf)
      const bytes = all.reduce((sum, { message }) => sum + Buffer.byteLength(message.data), 0)
      return { total: all.length, bytes, first: all[0]?.position ?? 0, last: all.at(-1)?.position ?? 0 }
    },
    read: async ({ after, limit }) => take(read.range([OUTBOX], { after: [OUTBOX, after] }), limit).map(rowOf),
    append: async ({ client }, rows) => {
      for (const { position, message } of rows) client.put([OUTBOX, position], message)
    },
    remove: async ({ client }, which) => {
      if ('positions' in which) for (const position of which.positions) client.remove([OUTBOX, position])
      else
        for (const { key } of [...client.range([OUTBOX])]) {
          if (Number(key[1]) > which.upTo) break
          client.remove(key)
        }
    },
  }
}

const INBOX = 'dure_inbox'
const markOf = (consumer: string, messageId: string): Key => [INBOX, hash(consumer, messageId)]

const inbox: Of<'inbox'> = {
  mark: async ({ client }, { marks, at }) => {
    let made = 0
    for (const { consumer, messageId, fence, unparked } of marks) {
      if (fence !== undefined) checkFence(client, fence)
      if (unparked === true && parkedAt(client, consumer, messageId) !== undefined) continue
      const key = markOf(consumer, messageId)
      if (client.get(key) !== undefined) continue
      client.put(key, { consumer, messageId, at })
      made++
    }
    return made
  },
  forget: async ({ client }, { after, limit, before }) => {
    const from = after && markOf(after.consumer, after.messageId)
    const some = take(client.range([INBOX], { after: from }), limit) as {
      key: Key
      value: { consumer: string; messageId: string; at: number }
    }[]
    for (const { key, value } of some) if (value.at < before) client.remove(key)
    return some.length < limit ? undefined : some.at(-1)!.value
  },
}

type Owned = { readonly epoch: number; readonly owner: string; readonly broker: string; readonly token: number } & {
  readonly unclean: boolean
  readonly crashes: number
}

const partitionAt = ({ consumer, topic, partition }: Omit<Fence, 'epoch'>): Key => ['dure_partitions', consumer, topic, partition]

const ownership: Of<'ownership'> = {
  raise: async ({ client }, claim) => {
    const { member: owner, broker, token } = claim
    const last = client.get(partitionAt(claim)) as Owned | undefined
    if (last?.broker === broker && last.token > token) return undefined
    const { epoch, unclean } = last ?? { epoch: 0, unclean: false }
    const crashes = unclean && last!.owner !== owner ? last!.crashes + 1 : 0
    client.put(partitionAt(claim), { epoch: epoch + 1, owner, broker, token, unclean: true, crashes })
    return { epoch: epoch + 1, before: last?.owner, broker: last?.broker, unclean, crashes }
  },
  release: async ({ client }, fence) => note(client, fence, { unclean: false, crashes: 0 }),
  well: async ({ client }, fence) => note(client, fence, { crashes: 0 }),
}

function checkFence(client: Client, fence: Fence): void {
  if ((client.get(partitionAt(fence)) as Owned | undefined)?.epoch !== fence.epoch) throw new FencedError(fence)
}

/** Nobody's business in an epoch of the past. */
function note(client: Client, fence: Fence, how: Partial<Owned>): void {
  const last = client.get(partitionAt(fence)) as Owned | undefined
  if (last?.epoch === fence.epoch) client.put(partitionAt(fence), { ...last, ...how })
}

/** By consumer, key and place; and by message, where that is. */
const [PARKED, PLACES] = ['dure_parked', 'dure_parked_place']

const ofKey = (consumer: string, key: string): Key => [PARKED, consumer, hash(key)]
const placeOf = (consumer: string, messageId: string): Key => [PLACES, consumer, hash(messageId)]

/** One parked message, and where it is. */
function parkedAt(client: Client, consumer: string, messageId: string): { at: Key; found: ParkedMessage } | undefined {
  const at = client.get(placeOf(consumer, messageId)) as Key | undefined
  return at && { at, found: client.get(at) as ParkedMessage }
}

function removeParked(client: Client, at: Key, { consumer, message }: ParkedMessage): void {
  client.remove(at)
  client.remove(placeOf(consumer, message.id))
}

/** As it is kept: until when it waits. */
type Kept = ParkedMessage & { readonly until: number }

function parkedIn(read: Reader, now: () => number): Of<'parked'> {
  const kept = (parked: ParkedMessage): Kept => ({ ...parked, until: now() + parked.wait })
  const seen = (value: unknown): ParkedMessage => ({ ...(value as Kept), wait: Math.max(0, (value as Kept).until - now()) })
  const rows = (prefix: Key) => [...read.range(prefix)] as { key: Key; value: ParkedMessage }[]
  const byKey = (prefix: Key) => [...Map.groupBy(rows(prefix), ({ key }) => String(key.slice(1, 3))).values()]
  const change = (client: Client, its: ParkedId, to: (found: ParkedMessage) => ParkedMessage | undefined): boolean => {
    const { consumer, messageId, revision, fence } = its
    if (fence !== undefined) checkFence(client, fence)
    const parked = parkedAt(client, consumer, messageId)
    if (parked === undefined || parked.found.revision !== revision || parked.found.state === 'dead') return false
    const changed = to(parked.found)
    if (changed === undefined) removeParked(client, parked.at, parked.found)
    else client.put(parked.at, { ...changed, revision: revision + 1 })
    return true
  }
  return {
    add: async ({ client }, messages, fence) => {
      if (fence !== undefined) checkFence(client, fence)
      return messages.filter((one) => {
        const place = placeOf(one.consumer, one.message.id)
        if (client.get(place) !== undefined) return false
        const prefix = ofKey(one.consumer, one.key)
        const at = [...prefix, nextOf(client, prefix)]
        client.put(at, kept(one))
        client.put(place, at)
        return true
      })
    },
    read: async ({ consumer, key, limit }) => take(read.range(ofKey(consumer, key)), limit).map(({ value }) => seen(value)),
    keys: async ({ consumer, partition }) =>
      byKey([PARKED, consumer])
        .filter(([first]) => first!.value.partition === partition)
        .map((all) => {
          const { key, state, started, finished, wait, firstFailure, message } = seen(all[0]!.value)
          const delay = state === 'waiting' && started === 0 ? message.delay : undefined
          return { key, count: all.length, state, started, finished, wait, firstFailure, delay }
        }),
    totals: async () => {
      const consumers = Map.groupBy(byKey([PARKED]), ([first]) => first!.value.consumer)
      return [...consumers].map(([consumer, keys]) => {
        const dead = keys.filter(([first]) => first!.value.state === 'dead')
        const sizeOf = (some: readonly unknown[][]) => some.reduce((sum, { length }) => sum + length, 0)
        const oldest = Math.min(...dead.map(([first]) => first!.value.firstFailure ?? Infinity))
        const held = sizeOf(dead) - dead.length
        return {
          ...{ consumer, waiting: sizeOf(keys) - sizeOf(dead), deadLetters: dead.length, held },
          oldest: oldest === Infinity ? undefined : oldest,
        }
      })
    },
    letters: async () => {
      const dead = rows([PARKED]).flatMap(({ value }) => (value.state === 'dead' ? [value] : []))
      const places = Map.groupBy(dead, ({ consumer, partition }) => `${partition} ${consumer}`)
      return [...places.values()].map(([first, ...more]) => {
        return { consumer: first!.consumer, partition: first!.partition, letters: 1 + more.length }
      })
    },
    holding: async ({ consumer, keys }) => keys.filter((key) => take(read.range(ofKey(consumer, key)), 1).length > 0).length,
    begin: async ({ client }, { lease, ...its }) =>
      change(client, its, (found) => kept({ ...found, started: found.started + 1, wait: lease, state: 'waiting' })),
    finish: async ({ client }, its) => change(client, its, () => undefined),
    fail: async ({ client }, { consumer, messageId, revision, fence, started, at, ...failure }) =>
      change(client, { consumer, messageId, revision, fence }, (found) => {
        const firstFailure = found.firstFailure ?? at
        return kept({ ...found, ...failure, finished: started, firstFailure, lastFailure: at })
      }),
  }
}

const AUDIT = 'dure_audit'

function deadLettersIn(read: Reader): Of<'deadLetters'> {
  const dead = (from: Reader, filter: DeadLetterFilter) =>
    ([...from.range([PARKED])] as { key: Key; value: ParkedMessage }[]).filter(({ value }) => matches(value, filter))
  const audits = () => [...read.range([AUDIT])].map(({ value }) => value as DeadLetterAudit)
  const named = (id: string, begins: boolean, letter: string, messageId: string): boolean =>
    messageId === id || letter === id || (begins && letter.startsWith(id))

  const list: Of<'deadLetters'>['list'] = async ({ named: wanted, ...filter }, { limit, after }) => {
    const edits = audits().filter(({ action }) => action === 'edit')
    return dead(read, filter)
      .map(({ value }): DeadMessage => ({
        ...value,
        held: [...read.range(ofKey(value.consumer, value.key))].length - 1,
        edits: edits.filter(({ letter }) => letter === value.letter).length,
      }))
      .filter(({ letter, message }) => wanted === undefined || named(wanted.id, wanted.begins, letter, message.id))
      .filter((one) => after === undefined || byFailure(one, { lastFailure: after.lastFailure, letter: after.id }) > 0)
      .sort(byFailure)
      .slice(0, limit)
  }

  return {
    list,
    groups: async (filter) => {
      const all = await list(filter, { limit: Infinity })
      return [...Map.groupBy(all, ({ consumer, group }) => hash(consumer, group)).values()].map(groupOf)
    },
    decide: async ({ client }, filter, decision) => {
      const { at, action, by, reason } = decision
      const found = dead(client, filter).filter(({ value }) => action !== 'edit' || value.revision === decision.revision)
      for (const { key, value: before } of found) {
        const value = { ...before, revision: before.revision + 1 }
        const { letter, consumer, message, error } = value
        const data = action === 'edit' ? decision.message.data : undefined
        const audit: DeadLetterAudit = { at, action, by, reason, letter, consumer, message, error, data }
        client.put([AUDIT, nextOf(client, [AUDIT])], audit)
        if (action === 'retry') client.put(key, { ...value, state: 'waiting', started: 0, finished: 0, crashes: 0, until: 0 })
        else if (action === 'edit') client.put(key, { ...value, message: decision.message })
        else {
          removeParked(client, key, value)
          if (consumer !== decision.unmarked) client.put(markOf(consumer, message.id), { consumer, messageId: message.id, at })
        }
      }
      return found.length
    },
    audit: async ({ named: wanted, consumer, action, since = -Infinity, until = Infinity, limit, after }) =>
      audits()
        .filter((one) => wanted === undefined || named(wanted.id, wanted.begins, one.letter, one.message.id))
        .filter((one) => (consumer ?? one.consumer) === one.consumer && (action ?? one.action) === one.action)
        .filter(({ at }) => at >= since && at < until)
        .filter((one) => after === undefined || byDecision(one, after) > 0)
        .sort(byDecision)
        .slice(0, limit),
    forget: async ({ client }, { before }) => {
      for (const { key, value } of [...client.range([AUDIT])] as Row[]) {
        if ((value as DeadLetterAudit).at < before) client.remove(key)
      }
    },
  }
}

function upkeepIn(read: Reader, now: () => number): Of<'upkeep'> {
  const UPKEEP = 'dure_upkeep'
  const retained = (all: readonly (readonly [time: number, value: unknown])[]): Retained => {
    const first = all.reduce((least, [time]) => Math.min(least, time), Infinity)
    const bytes = all.reduce((sum, [, value]) => sum + Buffer.byteLength(JSON.stringify(value)), 0)
    return { rows: all.length, bytes, age: all.length === 0 ? undefined : Math.max(0, now() - first) }
  }
  const values = <T>(prefix: Key): readonly T[] => [...read.range(prefix)].map(({ value }) => value as T)
  return {
    turn: async ({ client }, { task, every }) => {
      const at = now()
      if (((client.get([UPKEEP, task]) as number | undefined) ?? -Infinity) > at - every) return false
      client.put([UPKEEP, task], at)
      return true
    },
    retained: async () => ({
      inbox: retained(values<{ at: number }>([INBOX]).map((mark) => [mark.at, mark] as const)),
      keys: retained([...read.range([AGES])].map(({ key }) => [Number(key[1]), read.get([KEYS, key[2]!])] as const)),
      deadLetters: retained(
        values<ParkedMessage>([PARKED]).flatMap((one) => (one.state === 'dead' ? [[one.lastFailure ?? 0, one] as const] : [])),
      ),
      audit: retained(values<DeadLetterAudit>([AUDIT]).map((one) => [one.at, one] as const)),
    }),
    forget: async ({ client }, { part, age, limit }) => {
      const before = now() - age
      const all = [...client.range([part === 'keys' ? AGES : AUDIT])] as Row[]
      const timeOf = ({ key, value }: Row): number => (part === 'keys' ? Number(key[1]) : (value as DeadLetterAudit).at)
      const old = all.filter((row) => timeOf(row) < before).slice(0, limit)
      for (const { key } of old) {
        client.remove(key)
        if (part === 'keys') client.remove([KEYS, key[2]!])
      }
      return old.length
    },
  }
}

function groupOf(letters: readonly DeadMessage[]): DeadMessageGroup {
  const [{ consumer, group, error, message, letter }] = letters as readonly [DeadMessage]
  return {
    ...{ consumer, group, error, letter, topic: message.type, count: letters.length },
    held: letters.reduce((sum, { held }) => sum + held, 0),
    firstFailure: Math.min(...letters.map(({ firstFailure = 0 }) => firstFailure)),
    lastFailure: Math.max(...letters.map(({ lastFailure = 0 }) => lastFailure)),
  }
}

function matches(parked: ParkedMessage, filter: DeadLetterFilter): boolean {
  const { consumer, key, message, group, error, letter, lastFailure = 0 } = parked
  const is = (wanted: string | undefined, value: string): boolean => wanted === undefined || wanted === value
  const among = (wanted: readonly string[] | undefined, value: string): boolean => wanted?.includes(value) ?? true
  return (
    parked.state === 'dead' &&
    is(filter.consumer, consumer) &&
    is(filter.topic, message.type) &&
    is(filter.key, key) &&
    is(filter.group, group) &&
    error.includes(filter.error ?? '') &&
    lastFailure >= (filter.since ?? -Infinity) &&
    lastFailure < (filter.until ?? Infinity) &&
    among(filter.ids, letter) &&
    among(filter.messageIds, message.id)
  )
}

type Failed = { readonly lastFailure?: number | undefined; readonly letter: string }

function byFailure(a: Failed, b: Failed): number {
  return (a.lastFailure ?? 0) - (b.lastFailure ?? 0) || (a.letter < b.letter ? -1 : a.letter > b.letter ? 1 : 0)
}

type Decided = { readonly at: number; readonly letter: string }

/** Latest first. */
function byDecision(a: Decided, b: Decided): number {
  return b.at - a.at || (a.letter < b.letter ? -1 : a.letter > b.letter ? 1 : 0)
}
