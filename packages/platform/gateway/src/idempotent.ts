const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
  ...['SEARCH', 'QUERY', 'PROPFIND', 'REPORT'],
])

/** Whether doing it twice is the same as doing it once, by what its method promises: RFC 9110, section 9.2.2. */
export const isIdempotent = (method: string): boolean => METHODS.has(method)
