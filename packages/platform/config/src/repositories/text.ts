import { parseConfig, type ParsedConfig } from 'dure/config/parse'

/** Bytes of a file as settings, read when they are first asked for. */
export function parsedOnce(bytes: Uint8Array, file: string): () => ParsedConfig {
  let parsed: ParsedConfig | undefined
  return () => (parsed ??= parse(bytes, file))
}

function parse(bytes: Uint8Array, file: string): ParsedConfig {
  try {
    return parseConfig(new TextDecoder('utf-8', { fatal: true }).decode(bytes), { file })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error
    return { documents: [], problems: [{ from: file, why: 'it is no text in UTF-8' }] }
  }
}
