/** A place in the write-ahead log, in bytes from its beginning. PostgreSQL writes it as two hexadecimal halves. */
export type Lsn = bigint

/** @param text as the server says it: `16/B374D848` */
export function lsnOf(text: string): Lsn {
  const [high = '', low = ''] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export function lsnText(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}
