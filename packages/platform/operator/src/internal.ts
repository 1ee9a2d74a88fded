/** What Dure's own packages share of `@dure/operator`, and no promise to anybody else. */
export { answeredBy, answerParts } from './open.ts'
export { BY_HEADER } from './client.ts'
export { errorOf, failureOf, type OperatorFailure } from './failure.ts'
export { headerText, LONGEST_BODY, readJson, sendJson } from './http.ts'
export { supervised, type ProcessReading, type Servable } from './parts/placement.ts'
export { socketPath } from './socket.ts'
export { watched } from './watched.ts'
export { mcpRoutes, mcpServer, serveMcpLines, type McpOptions, type McpServer } from './mcp/mcp.ts'
