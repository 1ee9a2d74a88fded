/** An account with a mail server of others. */

export type Account = {
  readonly host: string
  /** Default: that of its protocol. */
  readonly port?: number
  /** `starttls` goes on only when the server speaks TLS. Default: `implicit` for mailboxes, `starttls` for sending; `off` is for this machine. */
  readonly tls?: 'implicit' | 'starttls' | 'off'
  /** The roots its certificate may come from, in PEM. Default: those of Node. */
  readonly ca?: string
  readonly user?: string
  /** Asked for at each log-in, when it is a function. */
  readonly password?: string | (() => string | Promise<string>)
}

export type ReadyAccount = {
  readonly host: string
  readonly port: number
  readonly tls: NonNullable<Account['tls']>
  readonly ca: string | undefined
  readonly user: string | undefined
  readonly pass: string
}

export async function accountOf(
  { host, port, tls, ca, user, password = '' }: Account,
  ports: { readonly plain: number; readonly implicit: number; readonly usual?: NonNullable<Account['tls']> },
): Promise<ReadyAccount> {
  const way = tls ?? ports.usual ?? 'starttls'
  const pass = typeof password === 'function' ? await password() : password
  return { host, port: port ?? (way === 'implicit' ? ports.implicit : ports.plain), tls: way, ca, user, pass }
}
