/** What the example uses of Express: a handler's two arguments, and what it does with them. */
export type Request = { readonly body: unknown }
export type Response = { readonly status: (code: number) => Response; readonly json: (body: unknown) => void }
export type Handler = (request: Request, response: Response) => Promise<void>
