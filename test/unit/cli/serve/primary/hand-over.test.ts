import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HandOver } from '../../../../../src/cli/serve/primary/hand-over.js';

/** Connections from the given addresses, as far as a hand-over looks at them. */
function connections(...addresses: readonly string[]): Socket[] {
  return addresses.map((remoteAddress) => {
    const socket = { remoteAddress, destroyed: false, destroy: () => Object.assign(socket, { destroyed: true }) };
    return socket as unknown as Socket;
  });
}

/** A hand-over whose connections are sent one after another by `sendNext`. */
function handingOver(mostUnsent = 10_000) {
  const sent: (string | undefined)[] = [];
  let next: (() => void) | undefined;
  const handOver = new HandOver((socket, done) => {
    sent.push(socket.remoteAddress);
    next = done;
  }, mostUnsent);
  const sendNext = (): void => {
    const done = next;
    next = undefined;
    done?.();
  };
  return { handOver, sent, sendNext };
}

describe('HandOver', () => {
  it('a flood of connections of some peers delays the connection of another peer by one turn', () => {
    const { handOver, sent, sendNext } = handingOver();
    for (let count = 0; count < 1_000; count++) {
      for (const socket of connections('10.0.0.1', '10.0.0.2')) handOver.hand(socket);
    }
    for (const socket of connections('10.0.0.3')) handOver.hand(socket);
    for (let count = 0; count < 4; count++) sendNext();
    expect(sent).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.3', '10.0.0.2']);
  });

  it('the addresses of one IPv6 network take turns as one peer', () => {
    const { handOver, sent, sendNext } = handingOver();
    for (const socket of connections('fd00::1', 'fd00::2', 'fd00::3', '10.0.0.3')) handOver.hand(socket);
    sendNext();
    sendNext();
    expect(sent).toEqual(['fd00::1', 'fd00::2', '10.0.0.3']);
  });

  it('connections are kept until they are sent, also those that have been closed by then', () => {
    const { handOver, sent, sendNext } = handingOver();
    const [first, second] = connections('10.0.0.1', '10.0.0.1') as [Socket, Socket];
    handOver.hand(first);
    handOver.hand(second);
    expect(handOver.unsent).toEqual([first, second]);
    Object.assign(second, { remoteAddress: undefined });
    sendNext();
    expect(handOver.unsent).toEqual([second]);
    sendNext();
    expect(handOver.unsent).toEqual([]);
    expect(sent).toHaveLength(2);
  });

  it('a flood beyond the limit closes connections of the peer with the most, and none of another peer', () => {
    const { handOver, sent, sendNext } = handingOver(4);
    const flood = connections(...Array(10).fill('10.0.0.1'));
    const others = connections('10.0.0.2', '10.0.0.3', '10.0.0.4');
    for (const socket of flood) handOver.hand(socket);
    for (const socket of others) handOver.hand(socket);
    // The first one is being sent, so that it is not closed any more.
    expect(handOver.unsent).toEqual([flood[0], ...others]);
    expect(flood.filter(({ destroyed }) => destroyed)).toEqual(flood.slice(1));
    for (let count = 0; count < 4; count++) sendNext();
    expect(sent).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
  });

  it('an order that follows the connections waits until all of them are sent', () => {
    const { handOver, sendNext } = handingOver();
    const told: string[] = [];
    handOver.whenEmpty(() => told.push('at once'));
    for (const socket of connections('10.0.0.1', '10.0.0.2')) handOver.hand(socket);
    handOver.whenEmpty(() => told.push('after both'));
    sendNext();
    expect(told).toEqual(['at once']);
    sendNext();
    expect(told).toEqual(['at once', 'after both']);
  });
});
