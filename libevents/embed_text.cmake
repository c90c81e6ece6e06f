# Writes each file of FILES as a C string constant into OUT, its name behind PREFIX: scripts/ack.lua and EVSI_LUA_ give
# EVSI_LUA_ACK.
set(text "/* Generated from files of text beside the sources. */\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  string(TOUPPER ${name} name)
  file(READ ${file} body)
  string(REPLACE "\\" "\\\\" body "${body}")
  string(REPLACE "\"" "\\\"" body "${body}")
  string(REPLACE "\n" "\\n\"\n  \"" body "${body}")
  string(APPEND text "static const char ${PREFIX}${name}[] =\n  \"${body}\";\n")
endforeach()
file(WRITE ${OUT} "${text}")
