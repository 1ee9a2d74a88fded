import type { Route } from '../transport.ts'
import { BodyReader } from './frames.ts'
import { ProtocolError } from './protocol.ts'

/** The way to an operation by its name on the wire (`service\noperation`). */
export type ServedRoute = {
  readonly place: string
  readonly service: string
  /** It is of no contract: what processes of a system say to each other. */
  readonly own: boolean
  readonly route: Route
  /** Nothing of this name is here, for now. */
  readonly missing?: boolean
}

/** Bytes of the longest name's frame. */
const LONGEST = 1_024
/** What a name takes up beside its bytes, about. */
const ENTRY = 64

/** What a caller calls things, for the rest of its connection: operations, and those who call them. */
export class Names {
  readonly #find: (name: string) => ServedRoute
  readonly #most: number
  readonly #all: { readonly text: string; route: ServedRoute | undefined }[] = []

  constructor(options: { find: (name: string) => ServedRoute; most: number }) {
    this.#find = options.find
    this.#most = options.most
  }

  /**
   * @returns bytes that it takes up, about
   * @throws {ProtocolError}
   */
  add(id: number, bytes: Buffer, start: number, end: number): number {
    // Numbers are given in order, so what is kept is as long as what was sent.
    if (id !== this.#all.length + 1 || id > this.#most || end - start > LONGEST)
      throw new ProtocolError('A name is out of order, too long or one too many')
    this.#all.push({ text: new BodyReader(bytes, start, end).text(), route: undefined })
    return end - start + ENTRY
  }

  text(id: number): string | undefined {
    return this.#all[id - 1]?.text
  }

  /** Undefined for a number that was never given. */
  route(id: number): ServedRoute | undefined {
    const name = this.#all[id - 1]
    if (name === undefined) return undefined
    if (name.route !== undefined) return name.route
    const found = this.#find(name.text)
    // What is missing may come.
    if (found.missing !== true) name.route = found
    return found
  }
}
