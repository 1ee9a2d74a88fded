import type { Status } from '../../contract/contract.ts'

const STRANGE_CERTIFICATE = [
  'FAILED_PRECONDITION',
  "nobody known signed the server's certificate; give the authority as `tls.ca`",
] as const

/**
 * What it means that a connection does not come about, and what to do, by the `code` of Node's error: for adapters whose options are
 * called `url` and `tls`.
 *
 * @example
 * ```ts
 * import { CONNECTION_FAILURES } from 'dure/messaging/adapter'
 *
 * console.log(CONNECTION_FAILURES['ENOTFOUND']) // → [ 'UNAVAILABLE', 'no such host is known; correct `url`' ]
 * ```
 */
export const CONNECTION_FAILURES: Readonly<Record<string, readonly [code: Status, words: string]>> = {
  ECONNREFUSED: ['UNAVAILABLE', 'nothing listens there; start the server or correct `url`'],
  ENOTFOUND: ['UNAVAILABLE', 'no such host is known; correct `url`'],
  CERT_HAS_EXPIRED: ['FAILED_PRECONDITION', "the server's certificate has expired; renew it"],
  CERT_NOT_YET_VALID: ['FAILED_PRECONDITION', "the server's certificate is not valid yet; see the clocks of both"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'FAILED_PRECONDITION',
    "the server's certificate is for another host; correct `url` or `tls.servername`",
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: STRANGE_CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: STRANGE_CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: STRANGE_CERTIFICATE,
}
