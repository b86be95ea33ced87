/** The id of a request in the message of WeChat, for questions to WeChat. */
export const REQUEST_ID: RegExp = /\brid:? ?([0-9a-f]{8}(?:-[0-9a-f]{8}){2})/i;

/** Returns the id of the request in a message of WeChat. */
export function requestIdIn(message: string): string | undefined {
  return REQUEST_ID.exec(message)?.[1];
}
