/** What a broker can do beyond carrying messages. Values a program can ask, so that it may do without, or say why it cannot. */
export type Capabilities = {
  /** It keeps what was published: a group that comes later reads what was there before it. */
  readonly log: boolean
  /** Groups can be moved: to the beginning, a time, a position. */
  readonly replay: boolean
  /** People and tools can look at messages without a group. */
  readonly browse: boolean
  /** Lag says of groups since when the first message that they have not read is there. */
  readonly age: boolean
  /** Messages of one key keep their order. */
  readonly ordered: boolean
  /** It serves topics; it serves queues. */
  readonly topics: boolean
  readonly queues: boolean
  /** What is acknowledged survives the end of the broker's process. */
  readonly durable: boolean
}

/** What each one means to those who need it. */
const MEANINGS: Readonly<Record<keyof Capabilities, string>> = {
  log: 'keeps no log of what was published',
  replay: 'cannot bring again what was read',
  browse: 'cannot show its messages',
  age: 'does not tell since when something is unread',
  ordered: 'does not keep the order of a key',
  topics: 'has no topics',
  queues: 'has no queues',
  durable: 'loses what it has taken when its process ends',
}

/** What the broker lacks of what is needed, in words; empty when it has all. */
export function lacking(
  { name, capabilities }: { readonly name: string; readonly capabilities: Capabilities },
  needs: readonly { readonly capability: keyof Capabilities; readonly for: string }[],
): readonly string[] {
  return needs
    .filter(({ capability }) => !capabilities[capability])
    .map((need) => `${need.for}, but broker "${name}" ${MEANINGS[need.capability]}; choose a broker that does`)
}
