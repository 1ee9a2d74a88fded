import type { Instance } from '../../discovery/discovery.ts'
import type { Loaded, HostHealth } from '../../resilience/resilience.ts'
import type { Route, Target } from '../transport.ts'
import type { PeerSlot } from './peers.ts'

/** One instance of a service: the peer it runs on, how it stands, and the ways to its operations. */
export class Member implements Loaded {
  /** As the registry knows it now. */
  #instance: Instance
  /** What its metadata says: 0 takes no new calls, and nothing said is 1. */
  #weight: number
  readonly slot: PeerSlot
  readonly health: HostHealth
  /** Stays listed by the registry. */
  listed = true
  /** Numbers of operations that it has said not to have: it does not get them in this life. */
  readonly #lacks = new Set<number>()
  readonly #routes: (Route | undefined)[] = []
  /** When it was last sent a call, in monotonic milliseconds, and the same as it was at its last answer. */
  #sent = Number.NEGATIVE_INFINITY
  #answered = Number.NEGATIVE_INFINITY

  constructor(instance: Instance, slot: PeerSlot, health: HostHealth) {
    this.#instance = instance
    this.#weight = weightOf(instance)
    this.slot = slot
    this.health = health
  }

  get instance(): Instance {
    return this.#instance
  }

  get weight(): number {
    return this.#weight
  }

  get zone(): string | undefined {
    return this.#instance.metadata['zone']
  }

  /** The same instance, of which something else is said. */
  changed(instance: Instance): void {
    this.#instance = instance
    this.#weight = weightOf(instance)
  }

  /** It is sent a call. */
  sent(at: number): void {
    if (at > this.#sent) this.#sent = at
  }

  /** It has answered a call, whose place is free. */
  answered(): void {
    this.slot.leave()
    this.succeeded()
  }

  succeeded(): void {
    this.#answered = this.#sent
    this.health.succeeded()
  }

  /** Whether it has answered nobody since a call was sent to it at that time. */
  isSilentSince(at: number): boolean {
    return this.#answered < at
  }

  pending(): number {
    return this.slot.bulkhead.inside()
  }

  lacks(number: number): boolean {
    return this.#lacks.size > 0 && this.#lacks.has(number)
  }

  noteLack(number: number): void {
    this.#lacks.add(number)
  }

  /** The way to an operation; `number` is the operation's own within its service. */
  route(number: number, target: Target): Route {
    return (this.#routes[number] ??= this.slot.peer.route(target))
  }
}

/** What is no number is not meant as one. */
export function weightOf({ metadata }: Instance): number {
  const said = metadata['weight'] ?? ''
  return /^\d{1,9}(\.\d{1,9})?$/.test(said) ? Number(said) : 1
}

/** Who takes it, with a place taken, and since when. `probe`: this call decides whether the member is back, and must say how it went. */
export type Grant = { readonly member: Member; readonly probe: boolean; readonly at: number }
