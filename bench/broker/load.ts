import type { Message } from 'dure/contract'

/** What each of those that are compared does, in a process of its own, with the same messages. */
export type Load = {
  readonly contender: string
  readonly url: string
  readonly ports: Ports
  /** Messages that are measured, and those that are published one after the other for how long one takes. */
  readonly count: number
  readonly sequential: number
}

export type Measured = { readonly publishedPerSecond: number; readonly consumedPerSecond: number; readonly latencyMs: number }

export type Contender = {
  readonly publish: (messages: readonly Message[]) => Promise<void>
  /** Reads the topic from its beginning; `came` is told how many came, before they are settled. */
  readonly consume: (came: (messages: number) => void) => Promise<void>
}

/** A server's ports by their names, for what its url does not say. */
type Ports = Readonly<Record<string, number>>

export type Open = (url: string, topic: string, ports: Ports) => Promise<Contender>

/** The adapter of a server: its package, and what makes it. */
export function adapterOf(kind: string): { readonly name: string; readonly make: string } {
  return kind === 'activemq' || kind === 'artemis'
    ? { name: 'activemq', make: 'activeMqBroker' }
    : { name: kind, make: `${kind}Broker` }
}

/** Messages in a list, and lists under way at once. */
const [LIST, AT_ONCE] = [100, 10]

/** An event of 200 bytes, with a key, a header and all that Dure says of it. */
function messageOf(topic: string, n: number): Message {
  return {
    ...{ id: crypto.randomUUID(), source: 'bench', type: topic, key: `key-${n % 1_000}`, time: Date.now(), schemaVersion: 1 },
    ...{ correlationId: crypto.randomUUID(), causationId: crypto.randomUUID(), headers: { tenant: 'a' } },
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    data: JSON.stringify({ n, text: 'x'.repeat(180) }),
  }
}

export async function measure(open: Open, { url, ports, count, sequential }: Load): Promise<Measured> {
  const topic = `bench.t${crypto.randomUUID().slice(0, 8)}`
  const { publish, consume } = await open(url, topic, ports)
  let made = 0
  const publishAll = async (wanted: number): Promise<number> => {
    const lists = Array.from({ length: wanted / LIST }, () => Array.from({ length: LIST }, () => messageOf(topic, made++)))
    const began = performance.now()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let list = lists.pop(); list !== undefined; list = lists.pop()) await publish(list)
      }),
    )
    return wanted / ((performance.now() - began) / 1_000)
  }
  await publishAll(LIST * AT_ONCE * 5)
  const publishedPerSecond = await publishAll(count)

  let came = 0
  let first: number | undefined
  let wake = (): void => {}
  const until = async (wanted: number): Promise<void> => {
    while (came < wanted) await new Promise<void>((resolve) => void (wake = resolve))
  }
  await consume((messages) => {
    first ??= performance.now()
    came += messages
    wake()
  })
  await until(made)
  const consumedPerSecond = made / ((performance.now() - first!) / 1_000)

  const each: number[] = []
  for (let n = 0; n < sequential; n++) {
    const began = performance.now()
    await publish([messageOf(topic, made++)])
    await until(made)
    each.push(performance.now() - began)
  }
  return { publishedPerSecond, consumedPerSecond, latencyMs: each.toSorted((a, b) => a - b)[Math.floor(sequential / 2)]! }
}
