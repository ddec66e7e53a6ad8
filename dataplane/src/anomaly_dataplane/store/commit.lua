#!lua name=anomaly_pipeline_1
-- Compare and set the state of many series of one partition, append their anomalies, count.
-- docs/commit-protocol.md describes the arguments. No arithmetic on values happens here.
-- A Redis library sees no globals while it loads: everything is looked up at the first call.
local call, unpack, pack, concat, offsets

local function init()
  call, unpack, pack, concat = redis.call, struct.unpack, struct.pack, table.concat
  -- Redis takes a Lua string much faster than it formats a number.
  offsets = setmetatable({}, {__index = function(cache, doubles)
    local text = tostring(8 * doubles)
    cache[doubles] = text
    return text
  end})
end

-- KEYS: a state key for each series, then outbox, names, totals.
-- ARGV: header, now ms, TTL ms, outbox length, then for each series:
--   expected version ('' = no block yet), [name id, name JSON], its ranges; then the anomalies.
-- header: u16 anomalies, then for each series u16 flags, accepted, outliers, ranges and for each
--   range u16 offset in doubles; then for each anomaly u16 series.
local WHOLE, TOUCH, NAMED = 1, 2, 4

local function commit(keys, args)
  if not call then init() end
  local header, at = args[1], 5
  local count = #keys - 3
  local outbox, names, totals = keys[count + 1], keys[count + 2], keys[count + 3]
  local anomalies, h = unpack('<H', header, 1)
  local refused, refusals = {}, 0
  local samples, outliers, raised = 0, 0, 0
  for i = 1, count do
    local key = keys[i]
    local flags, accepted, out, ranges
    flags, accepted, out, ranges, h = unpack('<HHHH', header, h)
    local whole = flags % 2 == 1
    local touch = flags % 4 >= TOUCH
    local named = flags >= NAMED
    local current = call('GETRANGE', key, '0', '7') == args[at]
    at = at + 1
    if named then
      if current then call('HSET', names, args[at], args[at + 1]) end
      at = at + 2
    end
    for _ = 1, ranges do
      local offset
      offset, h = unpack('<H', header, h)
      if current then
        if whole then
          call('SET', key, args[at], 'PX', args[3])
        else
          call('SETRANGE', key, offsets[offset], args[at])
        end
      end
      at = at + 1
    end
    if current then
      if touch then call('PEXPIRE', key, args[3]) end
      samples = samples + accepted
      outliers = outliers + out
    else
      refused[i] = true
      refusals = refusals + 1
    end
  end
  for _ = 1, anomalies do
    local i
    i, h = unpack('<H', header, h)
    if not refused[i + 1] then
      call('XADD', outbox, 'MAXLEN', '~', args[4], '*', 'anomaly', args[at])
      raised = raised + 1
    end
    at = at + 1
  end
  if samples > 0 then
    call('HINCRBY', totals, 'samples', samples)
    call('HSET', totals, 'last_sample_ms', args[2])
    if outliers > 0 then call('HINCRBY', totals, 'outliers', outliers) end
    if raised > 0 then call('HINCRBY', totals, 'anomalies', raised) end
  end
  if refusals == 0 then return '' end
  local answer = {}
  for i = 1, count do
    if refused[i] then answer[#answer + 1] = pack('<H', i - 1) end
  end
  return concat(answer)
end

redis.register_function('anomaly_pipeline_commit_1', commit)
