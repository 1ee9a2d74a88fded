import type { DoorTls } from 'dure/door/server/internal'

export type TlsOptions = DoorTls & {
  /** Whether HTTP/2 is offered to those who know it. Default true. */
  readonly http2?: boolean
}
