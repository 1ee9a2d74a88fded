/**
 * The port to whoever moves the money. It is outside and unreliable: a charge that failed may have happened all the
 * same, so each carries a key, and a charge with a known key is answered as before and not made again.
 */
export type PaymentProvider = {
  /** @throws when no answer came; try again later with the same key */
  readonly charge: (charge: Charge, call: Asking) => Promise<Outcome>
  /** Forgets every charge: for a marketplace that starts anew. */
  readonly forget: () => Promise<void>
}

/** The call that a charge is part of: when it ends, and how it is followed on its way outside. */
export type Asking = {
  readonly signal: AbortSignal
  readonly http?: <Answer>(
    request: { readonly method: string; readonly url: URL },
    send: (outgoing: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal }) => Promise<Answer>,
  ) => Promise<Answer>
}

export type Charge = {
  /** The invoice's number. */
  readonly key: string
  readonly customerId: number
  /** Cents. */
  readonly amount: number
  readonly method: 'CREDIT_CARD' | 'BOLETO' | 'VOUCHER' | 'DEBIT_CARD'
  readonly installments: number
  readonly card: { readonly number: string; readonly holder: string; readonly expiration: string } | undefined
}

export type Outcome = { readonly status: 'succeeded' } | { readonly status: 'declined'; readonly reason: string }
