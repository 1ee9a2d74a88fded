/** Which characters HTTP/1.1 has where, by their code: RFC 9110, section 5.6.2, and RFC 9112, sections 3.2 and 5. */

const tableOf = (test: (code: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0))
const oneOf = (characters: string) => (code: number) => characters.includes(String.fromCharCode(code))

const alphanumeric = (code: number): boolean => /[0-9A-Za-z]/.test(String.fromCharCode(code))

/** A token: names of fields, methods, names of chunk extensions. */
export const TOKEN: Uint8Array = tableOf((code) => code < 128 && (alphanumeric(code) || oneOf("!#$%&'*+-.^_`|~")(code)))

/** The value of a field: visible characters, spaces, tabs, and what lies above ASCII. */
export const VALUE: Uint8Array = tableOf((code) => code === 9 || (code >= 32 && code !== 127))

/**
 * A path. A backslash is not among them, which some servers take for a slash, nor a number sign, which never travels.
 * Brackets, braces and their like are no part of a URI, and browsers send them.
 */
export const PATH: Uint8Array = tableOf((code) => code > 32 && code < 127 && !oneOf('"<>#\\?')(code))

/** A query. */
export const QUERY: Uint8Array = tableOf((code) => code > 32 && code < 127 && !oneOf('"<>#')(code))

/** The value of a hexadecimal digit by its code, and 255 for all else. */
export const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = String.fromCharCode(code)
  return /[0-9A-Fa-f]/.test(digit) ? Number.parseInt(digit, 16) : 255
})

export const HTAB = 9
export const LF = 10
export const CR = 13
export const SP = 32
export const QUOTE = 34
export const SLASH = 47
export const COLON = 58
export const SEMICOLON = 59
export const EQUALS = 61
export const QUESTION = 63
export const BACKSLASH = 92
export const UNDERSCORE = 95
