/** What a code means to whoever gets it: its HTTP status, whether trying again may help, and what to do. */
export type Outcome = { readonly http: number; readonly retryable: boolean; readonly meaning: string; readonly hint: string }

export const final = (http: number, meaning: string, hint: string): Outcome => ({ http, retryable: false, meaning, hint })
export const retryable = (http: number, meaning: string, hint: string): Outcome => ({ http, retryable: true, meaning, hint })
