import type { Principal } from '../../contract/contract.ts'
import { copyPrincipal, isOwnPrincipal, wrongPrincipal } from '../../contract/internal.ts'
import { BodyReader, type FrameWriter } from './frames.ts'
import * as wire from './protocol.ts'
import { ProtocolError } from './protocol.ts'
import { UnsendableError } from './codec.ts'

/**
 * On whose behalf calls are made, told once and then by its place in a table that both ends of a connection have. People come and go,
 * unlike operations, so a place is given to another in turn, and neither end remembers more than these.
 */
const PLACES = 256
/** What a principal takes up beside its text, about. */
const ENTRY = 256

type Told = { readonly principal: Principal; readonly text: string }

/** The caller's end. */
export class SentPrincipals {
  readonly #places: (Told | undefined)[] = []
  /** Those that nobody can change, by themselves; and all, by what they say. */
  readonly #known = new Map<Principal, number>()
  readonly #texts = new Map<string, number>()
  #last = 0

  /**
   * The place of a principal, which is told first where it has none.
   * @throws {UnsendableError} when it is too long for a frame; nothing was written then
   */
  place(principal: Principal, writer: FrameWriter, frameLimit: number): number {
    const known = this.#known.get(principal)
    if (known !== undefined) return known
    const text = JSON.stringify(principal)
    const place = this.#texts.get(text) ?? this.#tell(text, writer, frameLimit)
    this.#remember(place, { principal, text })
    return place
  }

  #tell(text: string, writer: FrameWriter, frameLimit: number): number {
    const place = (this.#last % PLACES) + 1
    writer.begin(wire.PRINCIPAL, place)
    try {
      writer.text(text)
      if (writer.end() > frameLimit) throw new UnsendableError({ path: [], message: 'What it says of its principal is too long' })
    } catch (error) {
      writer.undo()
      throw error
    }
    this.#last = place
    return place
  }

  #remember(place: number, told: Told): void {
    const before = this.#places[place]
    if (before !== undefined) {
      this.#known.delete(before.principal)
      this.#texts.delete(before.text)
    }
    this.#places[place] = told
    this.#texts.set(told.text, place)
    if (isOwnPrincipal(told.principal)) this.#known.set(told.principal, place)
  }
}

/** The callee's end. */
export class ReceivedPrincipals {
  readonly #places: { readonly principal: Principal | undefined; readonly size: number }[] = []
  readonly #trusted: boolean

  /** @param trusted whether the caller is believed: it is on nobody's behalf else */
  constructor(trusted: boolean) {
    this.#trusted = trusted
  }

  /**
   * @returns by how many bytes more, about, it takes up
   * @throws {ProtocolError}
   */
  add(place: number, bytes: Buffer, start: number, end: number): number {
    if (place < 1 || place > PLACES) throw new ProtocolError(`A principal has the place ${place}, and there are ${PLACES}`)
    const principal = principalFrom(new BodyReader(bytes, start, end).text())
    const size = this.#trusted ? end - start + ENTRY : 0
    const before = this.#places[place]?.size ?? 0
    this.#places[place] = { principal: this.#trusted ? principal : undefined, size }
    return size - before
  }

  /** @throws {ProtocolError} when nobody was told of with this place */
  at(place: number): Principal | undefined {
    const told = this.#places[place]
    if (told === undefined) throw new ProtocolError('A call is on behalf of somebody who was not told of')
    return told.principal
  }
}

function principalFrom(text: string): Principal {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ProtocolError('The principal of a call is no JSON')
  }
  const wrong = wrongPrincipal(value)
  if (wrong !== undefined) throw new ProtocolError(`The principal of a call ${wrong}`)
  return copyPrincipal(value as Principal)
}
